"""Verbs about latents, from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from journey import TINY_VAE, Journey
from smalti.cli import run


def _smalti(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    found = run([*map(str, arguments), "--json"])
    shown = capsys.readouterr()
    assert found == code, shown.err
    return json.loads(shown.out)


def test_two_stages_then_sounds_tables_and_scores(
    journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, clips = tmp_path / "one", tmp_path / "two", sorted((journey.sounds / "rain").glob("*.flac"))
    data = ("--data", journey.tokens)
    _smalti(capsys, "train", "melgpt/vae-stage1", *data, "--out", one, *TINY_VAE)
    found = _smalti(capsys, "train", "melgpt/vae", *data, "--out", two, "--load-path", one, *TINY_VAE)
    assert {"nll", "mutual_information", "active_units"} <= found["metrics"].keys()
    found = _smalti(capsys, "interpolate", two, *clips[:2], "--steps", 3, "--seconds", 0.2, "--to", tmp_path / "way")
    assert found["files"] == 3 and found["shares"] == [0, 0.5, 1]
    assert sorted(path.name for path in (tmp_path / "way").iterdir()) == ["step-1.wav", "step-2.wav", "step-3.wav"]
    found = _smalti(capsys, "embed", two, *clips, "--to", tmp_path / "latents.parquet")
    assert found["files"] == len(clips) and found["latent"] == 5
    found = _smalti(capsys, "generate", two, "--count", 2, "--seconds", 0.3, "--to", tmp_path / "drawn.wav")
    assert found["files"] == 2
    found = _smalti(capsys, "evaluate", "generation", two, "--data", journey.sounds, "--seconds", 0.6, "--clips", 2)
    assert {"kl", "target_kl", "active_units", "mutual_information", "bits_per_token", "bits_per_token_shuffled",
            "bits_per_token_bound", "bits_per_token_iw"} <= found["latents"].keys()  # fmt: skip
    assert found["bits_per_token"]["bound"] == found["latents"]["bits_per_token_iw"]
    assert {"unigram", "bigram", "bigram_previous", "bigram_row"} <= found["bits_per_token"].keys()
    assert "model" not in found["bits_per_token"]


def test_vectors_of_a_codec_are_scored_embedded_and_moved_at_the_rate_asked_for(
    journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips, out = sorted((journey.sounds / "rain").glob("*.flac"))[:2], tmp_path / "out"
    few = ("--by", "label", "--seeds", 2, "--vectors", 50, "--clusters", "gmm:2:3", "--group", "path", "--split", "all")
    found = _smalti(capsys, "evaluate", "latents", journey.alm, "--data", journey.sounds, "window=9", *few, "--to", out)
    assert found["hop"] == 9 * 320 and found["group"] == "path"
    score = found["columns"]["label"]["recordings"]["encoder"]
    assert score["clusters"]["clusters"] in (2, 3) and len(score["linear"]["accuracy"]) == 3
    assert {Path(path).name for path in found["maps"]} == {"label-frames.png", "label-recordings.png"}
    table = tmp_path / "frames.parquet"
    found = _smalti(capsys, "embed", journey.alm, *clips, "window=3", "--pool", "none", "--to", table)
    assert found["files"] == 2 and found["vectors"] == 2 * -(-19200 // 960)
    found = _smalti(capsys, "interpolate", journey.alm, *clips, "window=3", "--way", "shift", "--steps", 2, "--to", out)
    assert found["shares"] == [0, 1]
    to_a_mean = ("rain", "pistons", "--data", journey.sounds, "--glide", "--unquantized", "--seconds", 0.5)
    found = _smalti(capsys, "interpolate", journey.alm, *to_a_mean, "--to", out)
    assert [Path(path).name for path in found["paths"]] == ["glide.wav"]
