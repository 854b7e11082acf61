"""Recordings in pieces: together they are the whole, and what breaks off is left out as a whole."""

import pytest
import torch

from smalti.audio import AudioWriter
from smalti.data.manifest import Manifest
from smalti.systems import sources


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_PIECE_SECONDS", 1)
    for name, samples in (("long", 20_001), ("bad", 20_001), ("short", 700)):
        with AudioWriter(tmp_path / f"{name}.flac", 8000) as writer:
            writer.push(torch.randn(samples, generator=torch.Generator().manual_seed(samples)) * 0.1)
    data = (tmp_path / "bad.flac").read_bytes()
    (tmp_path / "bad.flac").write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    return Manifest.from_rows([{"path": f"{name}.flac"} for name in ("long", "bad", "gone", "short")], tmp_path)


def test_pieces_are_the_whole_and_what_cannot_be_read_is_listed(manifest):
    failed, listed = [], []
    pieces = list(sources.sound_pieces(manifest, 8000, failed))
    whole = dict(sources.sounds(manifest, 8000, listed))
    assert [(row, audio.samples.shape[1]) for row, audio in pieces if row != 1] == [
        (0, 8000),
        (0, 8000),
        (0, 4001),
        (3, 700),
    ]
    together = torch.cat([audio.samples[0] for row, audio in pieces if row == 0])
    assert torch.equal(together, whole[0].samples[0])
    assert failed == listed and failed[-1]["path"] == "gone.flac"
