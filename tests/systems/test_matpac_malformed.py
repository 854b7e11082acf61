"""Short, silent, odd and broken recordings on their way into MATPAC: each is heard, or named with its reason."""

from pathlib import Path

import pytest
import torch

from journey import TINY_MATPAC
from smalti.data.manifest import Manifest
from smalti.data.prepare import prepare
from smalti.store import load_weights
from smalti.systems.embedding import embed
from smalti.systems.training import train

SHARED = Path(__file__).parents[3] / "shared" / "data" / "malformed"


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the recordings are not beside the repository")
def test_nothing_is_dropped_without_a_word(tmp_path: Path) -> None:
    report = prepare(SHARED, tmp_path / "sounds.csv", max_bad=1.0)
    files = {path.resolve() for path in SHARED.rglob("*") if path.is_file()}
    named = {Path(one["path"]) for one in report.failed}
    manifest = Manifest.read(tmp_path / "sounds.csv")
    assert manifest.rows == report.files > 30
    told = {path.resolve() for path in manifest.paths()} | {(SHARED / path).resolve() for path in named}
    audio = {path for path in files if path.suffix in (".wav", ".flac", ".ogg", ".mp3")}
    assert audio <= told
    train("matpac/micro", data=tmp_path / "sounds.csv", out=tmp_path / "run", overrides=TINY_MATPAC, progress=False)
    tensors = load_weights(tmp_path / "run" / "weights.safetensors").tensors
    assert all(bool(torch.isfinite(value).all()) for value in tensors.values())
    heard = embed(tmp_path / "run", data=tmp_path / "sounds.csv", to=tmp_path / "vectors.npz")
    assert heard.files + len(heard.failed) == manifest.rows
