"""A run begins with the encoder of another, says so, keeps it, and resumes without either."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from journey import TINY_LM, TINY_VAE, Journey
from smalti.cli import run as command
from smalti.core import ParameterError, SpecError, StoreError
from smalti.store import load_weights
from smalti.systems import training
from smalti.systems.show import show, verify
from smalti.systems.training import train
from smalti.train import FitReport

STAGES = ("melgpt/vae-stage1", "melgpt/vae")


@pytest.fixture(scope="module")
def stage1(journey: Journey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("stages") / "one"
    train(STAGES[0], data=journey.tokens, out=out, overrides=TINY_VAE, progress=False)
    return out


@pytest.fixture(scope="module")
def stage2(journey: Journey, stage1: Path) -> Path:
    out = stage1.with_name("two")
    train(STAGES[1], data=journey.tokens, out=out, load_path=stage1, overrides=TINY_VAE, progress=False)
    return out


def _cut(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    loop = training.fit

    def fewer(recipe: Any, **rest: Any) -> Any:
        return loop(recipe, **{**rest, "steps": steps})

    monkeypatch.setattr(training, "fit", fewer)


def test_what_was_taken_is_kept_and_shown_and_verified(stage1: Path, stage2: Path) -> None:
    kept, source = load_weights(stage2 / "loaded.safetensors"), load_weights(stage1 / "weights.safetensors")
    wanted = {name for name in source.tensors if name.startswith("encoder.")}
    assert kept.tensors.keys() == wanted and wanted
    assert all(torch.equal(kept.tensors[name], source.tensors[name]) for name in wanted)
    assert show(stage2)["loaded"]["part"] == "encoder" and show(stage2)["loaded"]["run"] == "one"
    assert show(stage2)["latent"]["numbers"] == 5
    assert verify(stage2) == []


def test_the_encoder_is_the_first_stages_and_the_decoder_is_fresh(
    journey: Journey, stage1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[dict[str, torch.Tensor]] = []

    def begin(recipe: Any, *, run: Any, **rest: Any) -> FitReport:
        begun.append({name: weight.clone() for name, weight in recipe.learner.model.state_dict().items()})
        return FitReport(run.path, 0, 0.0, {})

    monkeypatch.setattr(training, "fit", begin)
    for name, load_path in (("with", stage1), ("without", None)):
        train(STAGES[1], data=journey.tokens, out=tmp_path / name, load_path=load_path, overrides=TINY_VAE)
    loaded, fresh = begun
    first = load_weights(stage1 / "weights.safetensors").tensors
    for name, weight in loaded.items():
        assert torch.equal(weight, (first if name.startswith("encoder.") else fresh)[name]), name
    assert not all(torch.equal(first[name], fresh[name]) for name in fresh if name.startswith("encoder."))


@pytest.mark.parametrize("at", [0, 1, 4])
def test_a_run_that_was_cut_resumes_without_the_load_path(
    journey: Journey, stage1: Path, stage2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    shutil.copytree(stage1, tmp_path / "one")
    with monkeypatch.context() as cut:
        _cut(cut, at)
        train(
            STAGES[1],
            data=journey.tokens,
            out=tmp_path / "two",
            load_path=tmp_path / "one",
            overrides=TINY_VAE,
            progress=False,
        )
    shutil.rmtree(tmp_path / "one")
    train(STAGES[1], data=journey.tokens, out=tmp_path / "two", overrides=TINY_VAE, resume=True, progress=False)
    for name in ("weights.safetensors", "loaded.safetensors", "config.toml"):
        assert (tmp_path / "two" / name).read_bytes() == (stage2 / name).read_bytes()


def test_a_run_killed_before_its_settings_were_written_still_begins_with_the_part(
    journey: Journey, stage2: Path, tmp_path: Path
) -> None:
    (tmp_path / "two").mkdir()
    shutil.copyfile(stage2 / "loaded.safetensors", tmp_path / "two" / "loaded.safetensors")
    train(STAGES[1], data=journey.tokens, out=tmp_path / "two", overrides=TINY_VAE, resume=True, progress=False)
    wanted = (stage2 / "weights.safetensors").read_bytes()
    assert (tmp_path / "two" / "weights.safetensors").read_bytes() == wanted


def test_a_new_run_clears_what_a_killed_one_left(journey: Journey, stage2: Path, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    shutil.copyfile(stage2 / "loaded.safetensors", tmp_path / "two" / "loaded.safetensors")
    train(STAGES[1], data=journey.tokens, out=tmp_path / "two", overrides=TINY_VAE, progress=False)
    assert not (tmp_path / "two" / "loaded.safetensors").exists()
    wanted = (journey.vae / "weights.safetensors").read_bytes()
    assert (tmp_path / "two" / "weights.safetensors").read_bytes() == wanted


def test_a_load_path_with_resume_is_refused_in_one_sentence(
    journey: Journey, stage1: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The published command gives both, and its code then skips the load path in silence."""
    asked = ["train", STAGES[1], "--data", str(journey.tokens), "--out", str(tmp_path / "two")]
    assert command([*asked, "--load-path", str(stage1), "--resume", *TINY_VAE]) == 2
    said = capsys.readouterr().err.strip()
    assert said == "smalti: found --load-path with --resume: a run that goes on has all it needs; give one of them"
    assert not (tmp_path / "two").exists()


def test_other_models_codecs_and_sizes_are_refused_naming_both(journey: Journey, stage1: Path, tmp_path: Path) -> None:
    def begin(load_path: Path, *overrides: str, preset: str = STAGES[1]) -> None:
        out, settings = tmp_path / "out", (*TINY_VAE, *overrides)
        train(preset, data=journey.tokens, out=out, load_path=load_path, overrides=settings, progress=False)

    with pytest.raises(SpecError, match="is a synthformer of kind its own, wanted a melgpt of kind vae"):
        begin(journey.lm)
    with pytest.raises(SpecError, match="is a melgpt of kind gpt, wanted a melgpt of kind vae"):
        begin(journey.gpt)
    with pytest.raises(SpecError, match=r"latent found 5, wanted 6; encoder\.width found 12, wanted 8"):
        begin(stage1, "model.latent=6", "model.encoder.width=8")
    with pytest.raises(StoreError, match="no run folder"):
        begin(tmp_path / "nothing")
    shutil.copytree(stage1, tmp_path / "begun")
    (tmp_path / "begun" / "weights.safetensors").unlink()
    with pytest.raises(StoreError, match="cannot be read as weights"):
        begin(tmp_path / "begun")
    with pytest.raises(ParameterError, match="takes nothing of another run"):
        train("synthformer/tiny", data=journey.tokens, out=tmp_path / "out", load_path=journey.lm, overrides=TINY_LM)
    assert not (tmp_path / "out").exists()


def test_an_encoder_of_other_tokens_is_refused_naming_both(journey: Journey, stage1: Path, tmp_path: Path) -> None:
    from smalti.store import save_weights

    shutil.copytree(stage1, tmp_path / "other")
    weights = load_weights(stage1 / "weights.safetensors")
    spec = weights.metadata["spec"]
    tokenizer = spec.split('"tokenizer": "')[1][:64]
    words = {**weights.metadata, "spec": spec.replace(tokenizer, "0" * 64)}
    save_weights(tmp_path / "other" / "weights.safetensors", weights.tensors, words)
    with pytest.raises(SpecError, match=f"found 000000000000, wanted {tokenizer[:12]}"):
        train(STAGES[1], data=journey.tokens, out=tmp_path / "out", load_path=tmp_path / "other", overrides=TINY_VAE)
    assert not (tmp_path / "out").exists()


def test_a_first_stage_that_would_run_code_is_refused_and_nothing_runs(
    journey: Journey, stage1: Path, tmp_path: Path
) -> None:
    """The published code unpickles whatever lies in the folder it is given."""
    shutil.copytree(stage1, tmp_path / "hostile")
    mark = tmp_path / "ran"
    payload = f"cos\nsystem\n(S'touch {mark}'\ntR.".encode()  # what `os.system` looks like in a pickle
    (tmp_path / "hostile" / "weights.safetensors").write_bytes(payload)
    with pytest.raises(StoreError, match="cannot be read as weights"):
        train(STAGES[1], data=journey.tokens, out=tmp_path / "out", load_path=tmp_path / "hostile", overrides=TINY_VAE)
    assert not mark.exists() and not (tmp_path / "out").exists()
