"""Log-mels to learn from: sound and files give the same numbers, whether kept or not, whole or in crops."""

from pathlib import Path

import pytest
import torch

from smalti.audio import write
from smalti.core import Audio, DataError
from smalti.data import Manifest
from smalti.data.log_mel_corpus import log_mel_of
from smalti.data.log_mels import LogMels
from smalti.data.waveforms import Piece
from smalti.features import MATPAC_PICTURE, SILENCE, array_bytes, power_log_mel

RATE = MATPAC_PICTURE.sample_rate


def noise(seconds: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(round(seconds * RATE), generator=generator) * torch.linspace(0, 1, round(seconds * RATE))


def collection(folder: Path) -> Manifest:
    """The same two recordings as sound and as log-mels, and one of each kept out of training."""
    rows = []
    for name, seconds, split in (("a", 21.5, "train"), ("b", 0.31, "train"), ("c", 0.5, "test")):
        write(folder / f"{name}.wav", Audio.single(noise(seconds, len(rows)), RATE))
        (folder / f"{name}.wav.npy").write_bytes(array_bytes(log_mel_of(folder / f"{name}.wav")))
        rows += [{"path": f"{name}.wav{end}", "seconds": seconds, "split": split} for end in ("", ".npy")]
    return Manifest.from_rows(rows, folder)


def test_sound_and_files_give_the_same_pieces_and_numbers(tmp_path: Path) -> None:
    clips = LogMels(collection(tmp_path), picture=MATPAC_PICTURE, memory=8)
    assert clips.held_out == [4, 5] and clips.trains == [True] * 4 + [False] * 2
    assert clips.frames[:4] == [2150, 2150, 31, 31]
    sound = [piece for piece in clips.training if piece.clip in (0, 2)]
    given = [piece for piece in clips.training if piece.clip in (1, 3)]
    assert [(piece.first, piece.frames) for piece in sound] == [(0, 2000), (2000, 150), (0, 31)]
    assert [(piece.first, piece.frames) for piece in sound] == [(piece.first, piece.frames) for piece in given]
    for heard, read, partly in zip(sound, given, (0, 2, 2), strict=True):
        whole = heard.frames - partly
        torch.testing.assert_close(clips.crop(heard, count=whole), clips.crop(read, count=whole), atol=2e-4, rtol=0)
        assert (clips.crop(read, first=whole) == SILENCE).all()


def test_pieces_side_by_side_are_the_whole_recording(tmp_path: Path) -> None:
    sound = noise(20.7)
    clips = LogMels([sound], picture=MATPAC_PICTURE, memory=8)
    joined = torch.cat([clips.crop(piece) for piece in clips.pieces(0)], dim=1)
    wanted = power_log_mel(torch.nn.functional.pad(sound, (0, 240))[None])[0]
    assert joined.shape == wanted.shape
    torch.testing.assert_close(joined, wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("clip", [2, 3])
def test_beyond_a_piece_there_is_silence_or_what_is_asked_for(tmp_path: Path, clip: int) -> None:
    clips = LogMels(collection(tmp_path), picture=MATPAC_PICTURE, memory=8)
    (piece,) = clips.pieces(clip)
    whole = clips.crop(piece)
    around = clips.crop(piece, first=-3, count=40)
    assert torch.equal(around[:, 3:34], whole)
    assert (around[:, :3] == SILENCE).all() and (around[:, 34:] == SILENCE).all()
    assert torch.equal(clips.crop(piece, first=4, count=5), whole[:, 4:9])
    assert (clips.crop(piece, first=50, count=6, fill=0.5) == torch.full((80, 6), 0.5)).all()


def test_what_is_kept_changes_no_number(tmp_path: Path) -> None:
    manifest = collection(tmp_path)
    kept, read = (LogMels(manifest, picture=MATPAC_PICTURE, memory=room) for room in (8, 0))
    for piece in kept.training:
        for _ in range(2):
            assert torch.equal(kept.crop(piece, first=7, count=11), read.crop(piece, first=7, count=11))


def test_statistics_are_those_of_all_cells_together(tmp_path: Path) -> None:
    manifest = collection(tmp_path)
    clips = LogMels(manifest, picture=MATPAC_PICTURE, memory=0)
    cells = torch.cat([clips.crop(piece).flatten() for piece in clips.training]).double()
    mean, deviation = clips.statistics()
    assert mean == pytest.approx(float(cells.mean()), abs=1e-9)
    assert deviation == pytest.approx(float(cells.std(correction=0)), abs=1e-9)
    assert clips.statistics() == (mean, deviation)
    with pytest.raises(DataError, match="whose split is train"):
        LogMels(manifest.split("test"), picture=MATPAC_PICTURE, memory=0).statistics()


def test_short_clips_have_frames_and_empty_ones_none() -> None:
    clips = LogMels([noise(0.02), torch.zeros(0), torch.zeros(700)], picture=MATPAC_PICTURE, memory=1, held_out=1)
    assert clips.frames == [2, 0, 5] and clips.training == [Piece(0, 0, 2)] and clips.held_out == [2]
    torch.testing.assert_close(clips.crop(Piece(2, 0, 5)), torch.full((80, 5), SILENCE))


def test_a_file_that_is_shorter_than_its_manifest_says_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(array_bytes(torch.zeros(80, 30)))
    manifest = Manifest.from_rows([{"path": "a.npy", "seconds": 0.5}], tmp_path)
    clips = LogMels(manifest, picture=MATPAC_PICTURE, memory=0)
    with pytest.raises(DataError, match="holds 30 frames, the manifest says 48"):
        clips.crop(clips.training[0])
