"""Recordings in pieces: all of what is for training, none of the rest, and silence beyond the ends."""

import pytest
import torch

from smalti.core import DataError
from smalti.data.waveforms import Piece, Recordings, WaveformRecordings, held_out, pieces, read_padded

_WAVES = [torch.arange(1.0, 31.0), torch.arange(1.0, 6.0), torch.ones(12)]


def test_pieces_cover_what_is_for_training_and_nothing_else() -> None:
    recordings = WaveformRecordings(_WAVES, held_out=1)
    assert isinstance(recordings, Recordings)
    assert pieces(recordings, hop=4, longest=3) == [Piece(0, 0, 3), Piece(0, 3, 3), Piece(0, 6, 2), Piece(1, 0, 2)]
    assert held_out(recordings) == [2]


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match="found no recording to learn from"):
        pieces(WaveformRecordings(_WAVES, held_out=3), hop=4, longest=3)


@pytest.mark.parametrize(("first", "count"), [(-3, 5), (2, 9), (0, 5), (-4, 2), (7, 3)])
def test_beyond_a_recording_there_is_silence(first: int, count: int) -> None:
    found = read_padded(WaveformRecordings(_WAVES), 1, first, count)
    wanted = [float(place + 1) if 0 <= place < 5 else 0.0 for place in range(first, first + count)]
    assert found.tolist() == wanted
