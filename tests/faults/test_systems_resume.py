"""Proof for every system: `smalti train` on its real preset, killed at random moments, ends with equal bytes."""

import os
import sys

import pytest

from faults.kills import prove_resume
from journey import TINY_ALM_STAGE1, TINY_ALM_STAGE2
from smalti.cli import run

pytestmark = pytest.mark.faults

STEPS = {
    "melvqvae/textures": 60,
    "melvqvae/tiny": 60,
    "vocoder/tiny": 60,
    "wav2tok/digits": 40,
    "kmeans/default": 60,
    "almtokenizer/tiny": 40,
    "almtokenizer/stage1": 60,
    "almtokenizer/stage2": 60,
    "dac/tiny": 40,
    "matpac/micro": 60,
    "synthformer/tiny": 60,
    "melgpt/tiny": 30,
    "melgpt/masked": 30,
    "melgpt/vae": 30,
}
BRIEF = {
    "melvqvae/tiny": ["adversary=patch", "adversary.disc_start=20", "perceptual=self"],
    "kmeans/default": ["model.vocab=32", "train.batch=2", "train.seconds=1"],
    "dac/tiny": ["judge.start=20", "judge.periods=[3]", "judge.windows=[128]", "judge.width=2"],
    "almtokenizer/stage1": [*TINY_ALM_STAGE1, "judge.start=20"],
    "almtokenizer/stage2": [*TINY_ALM_STAGE2, "judge.start=20"],
}
SMALTI = [sys.executable, "-c", "from smalti.cli import main; main()"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A manifest for the codec, and the store that a codec just begun makes of it."""
    folder = tmp_path_factory.mktemp("data")
    sounds, codec, tokens = (folder / name for name in ("sounds", "codec", "tokens"))
    brief = ["train.steps=20", "cadence.checkpoint=20"]
    for line in (
        ["textures", "--to", sounds, "--clips", "8", "--seconds", "4"],
        ["train", "melvqvae/textures", "--data", sounds, "--out", codec, *brief],
        ["encode", codec, "--data", sounds / "manifest.csv", "--to", tokens],
    ):
        assert run([str(word) for word in line]) == 0
    manifests = ("melvqvae/textures", "melvqvae/tiny", "vocoder/tiny", "kmeans/default")
    manifests += ("wav2tok/digits", "matpac/micro")
    manifests += ("almtokenizer/tiny", "almtokenizer/stage1", "almtokenizer/stage2")
    manifests += ("dac/tiny",)
    models = ("synthformer/tiny", "melgpt/tiny", "melgpt/masked", "melgpt/vae")
    return {**dict.fromkeys(manifests, sounds), **dict.fromkeys(models, tokens)}


@pytest.mark.parametrize("preset", STEPS)
def test_a_killed_training_resumes_to_the_same_bytes(preset, data, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    brief = [*BRIEF.get(preset, []), f"train.steps={STEPS[preset]}"]
    brief += ["cadence.checkpoint=7", "cadence.log=1", "cadence.evaluate=30"]

    def command(folder):
        return [*SMALTI, "train", preset, "--data", str(data[preset]), "--out", str(folder), *brief]

    proof = prove_resume(command, tmp_path, kills=10, seed=len(preset))
    assert proof.equal == proof.kills == 10 and proof.stray == (), proof
