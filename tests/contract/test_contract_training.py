"""The exam of everything that learns: a run that was cut goes on as if nothing had been, and equal runs are equal."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from journey import TINY_CODEC, TINY_LM, Journey
from learners import LEARNERS
from smalti.core import ConfigError, StoreError
from smalti.systems import SYSTEMS, training
from smalti.systems.training import train


@pytest.fixture(params=LEARNERS)
def learner(request: pytest.FixtureRequest, journey: Journey) -> tuple[str, tuple[str, ...], Path, Path]:
    preset, overrides, data, run = LEARNERS[request.param]
    return preset, overrides, data(journey), run(journey)


def test_everything_that_learns_sits_this_exam() -> None:
    assert {name.split()[0] for name in LEARNERS} == {
        name for name, system in SYSTEMS.items() if system.learning is not None
    }


@pytest.mark.parametrize("at", [1, 4])
def test_a_run_that_was_cut_ends_with_the_same_bytes(
    learner: tuple[str, tuple[str, ...], Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    preset, overrides, data, whole = learner
    with monkeypatch.context() as cut:
        loop = training.fit

        def fewer(recipe: Any, *, steps: int, **rest: Any) -> Any:
            return loop(recipe, steps=at, **rest)

        cut.setattr(training, "fit", fewer)
        train(preset, data=data, out=tmp_path / "run", overrides=overrides, progress=False)
    (tmp_path / "run" / "weights.safetensors").unlink()
    train(preset, data=data, out=tmp_path / "run", overrides=overrides, resume=True, progress=False)
    for name in ("weights.safetensors", "config.toml"):
        assert (tmp_path / "run" / name).read_bytes() == (whole / name).read_bytes()


def test_equal_runs_write_equal_bytes(learner: tuple[str, tuple[str, ...], Path, Path], tmp_path: Path) -> None:
    preset, overrides, data, whole = learner
    train(preset, data=data, out=tmp_path / "run", overrides=overrides, progress=False)
    for name in ("weights.safetensors", "config.toml", "metrics.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (whole / name).read_bytes()


def test_a_run_is_never_overwritten_nor_continued_with_other_settings(
    learner: tuple[str, tuple[str, ...], Path, Path], tmp_path: Path
) -> None:
    preset, overrides, data, whole = learner
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    with pytest.raises(StoreError, match="--resume"):
        train(preset, data=data, out=whole, overrides=overrides, progress=False)
    with pytest.raises(ConfigError, match=r"train\.steps"):
        train(preset, data=data, out=whole, overrides=(*overrides, "train.steps=7"), resume=True, progress=False)
    assert {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()} == before


def test_a_run_is_not_continued_with_other_data(journey: Journey, tmp_path: Path) -> None:
    shutil.copytree(journey.sounds, tmp_path / "sounds")
    shutil.copytree(journey.codec, tmp_path / "run")
    manifest = tmp_path / "sounds" / "manifest.csv"
    manifest.write_text("\n".join(manifest.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(ConfigError, match="other data"):
        train("melvqvae/textures", data=tmp_path / "sounds", out=tmp_path / "run", overrides=TINY_CODEC, resume=True)


def test_a_store_that_cannot_be_heard_is_refused_and_nothing_is_written(journey: Journey, tmp_path: Path) -> None:
    shutil.copytree(journey.tokens, tmp_path / "tokens")
    shutil.rmtree(tmp_path / "tokens" / "tokenizer")
    with pytest.raises(StoreError, match="holds no tokenizer"):
        train("synthformer/tiny", data=tmp_path / "tokens", out=tmp_path / "run", overrides=TINY_LM)
    assert not (tmp_path / "run").exists()


def test_a_language_model_keeps_the_codec_of_its_tokens(journey: Journey) -> None:
    for name in ("config.toml", "weights.safetensors"):
        assert (journey.lm / "tokenizer" / name).read_bytes() == (journey.codec / name).read_bytes()
