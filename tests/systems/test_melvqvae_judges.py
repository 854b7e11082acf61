"""Laws of the adversarial and perceptual halves: when they speak, what they cost, exact resume."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from smalti.audio import write
from smalti.config import load_settings, to_toml
from smalti.core import Audio, ParameterError, StoreError
from smalti.data.manifest import Manifest
from smalti.store import save_checkpoint
from smalti.systems.melvqvae import MelVQVAEConfig, MelVQVAERecipe, judging
from smalti.train import Cadence, RunFolder, fit

_TINY = """
system = "melvqvae"
[model]
picture = "specvqgan"
[model.net]
kind = "grid"
widths = [6, 8]
encoder_blocks = [0, 1]
decoder_blocks = [0, 1]
latent = 4
window = 8
[model.quantizer]
vocab = 16
[vocoder]
inversion_steps = 5
iterations = 2
window = 16
overlap = 2
[train]
steps = 8
batch = 3
crop = 4
quantize_from = 0.25
[adversary]
kind = "patch"
disc_start = 3
width = 4
[perceptual]
widths = [8]
[engine]
accelerator = "cpu"
precision = "32"
"""


def _config(*overrides: str) -> MelVQVAEConfig:
    return load_settings(MelVQVAEConfig, _TINY, overrides)


def _waves() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(samples, generator=generator) * 0.1 for samples in (9000, 30_000, 22_050, 15_000)]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    rows = []
    for number, wave in enumerate(_waves()):
        write(tmp_path / f"{number}.wav", Audio.single(wave, 22_050))
        label, split = "ab"[number % 2], "test" if number == 3 else "train"
        rows.append({"path": f"{number}.wav", "seconds": len(wave) / 22_050, "label": label, "split": split})
    return Manifest.from_rows(rows, tmp_path)


def _run(recipe: MelVQVAERecipe, steps: range) -> list[dict[str, float]]:
    found = []
    for step in steps:
        torch.manual_seed(step)
        found.append(dict(recipe.step(recipe.batch(step), step)))
    return found


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_defects_7_and_8_the_adversary_speaks_from_its_start_counted_in_steps_of_the_codec(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference computed the adaptive weight from step 0 on, and doubled disc_start on the quiet."""
    asked: list[int] = []
    real = judging.adaptive_weight

    def counted(*arguments: Tensor, **bounds: float) -> Tensor:
        asked.append(1)
        return real(*arguments, **bounds)

    monkeypatch.setattr(judging, "adaptive_weight", counted)
    recipe = MelVQVAERecipe(_config(f'engine.precision="{precision}"'), _waves())
    before = _run(recipe, range(3))
    assert not asked and all(one["disc_factor"] == 0 and "d_weight" not in one for one in before)
    after = _run(recipe, range(3, 5))
    assert len(asked) == 2 and all(one["disc_factor"] == 1 and 0 <= one["d_weight"] <= 0.8 + 1e-6 for one in after)
    assert {"g_loss", "disc_loss", "logits_real", "logits_fake"} <= set(after[0])


def test_defects_5_and_6_the_codec_is_run_forward_once_a_step() -> None:
    """The reference ran the whole generator once for each of its two optimisers."""
    recipe = MelVQVAERecipe(_config(), _waves())
    seen: list[str] = []
    _count(recipe.model.net.encoder, lambda: seen.append("encoder"))
    _count(recipe.model.net.decoder, lambda: seen.append("decoder"))
    _run(recipe, range(2, 3))  # in which codebooks begin
    seen.clear()
    _run(recipe, range(3, 6))
    assert seen == ["encoder", "decoder"] * 3


def _count(module: torch.nn.Module, note: Callable[[], None]) -> None:
    module.register_forward_hook(lambda *_: note())


def test_bounds_of_the_adaptive_weight_hold() -> None:
    fixed = ["adversary.min_adapt_weight=1", "adversary.max_adapt_weight=1", "adversary.disc_weight=0.3"]
    recipe = MelVQVAERecipe(_config(*fixed), _waves())
    assert _run(recipe, range(3, 4))[0]["d_weight"] == pytest.approx(0.3)


def test_defect_25_an_item_is_judged_alike_in_any_company() -> None:
    """The reference's batch norm mixed real and made pictures, in batches of three."""
    recipe = MelVQVAERecipe(_config(), _waves())
    assert recipe.adversary is not None
    judge = recipe.adversary.adversary.discriminator
    pictures = torch.rand(3, 1, 80, 40, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        together, alone = judge(pictures)[0].score[1:2], judge(pictures[1:2])[0].score
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("conditional", [False, True])
def test_a_judge_may_be_shown_the_condition_and_no_other_number_of_pictures(conditional: bool) -> None:
    told = [f"adversary.disc_conditional={str(conditional).lower()}"]
    channels = 2 if conditional else 1
    recipe = MelVQVAERecipe(_config(*told, f"adversary.disc_in_channels={channels}"), _waves())
    assert _run(recipe, range(3, 4))[0]["disc_factor"] == 1
    with pytest.raises(ParameterError, match=f"disc_in_channels is 3, the judge is shown {channels}"):
        MelVQVAERecipe(_config(*told, "adversary.disc_in_channels=3"), _waves())


def test_pictures_too_small_to_be_judged_are_refused() -> None:
    with pytest.raises(ParameterError, match="wants 24 of each"):
        MelVQVAERecipe(_config("train.crop=1"), _waves())


@pytest.mark.parametrize("at", [2, 5])
def test_a_resumed_run_with_both_judges_equals_the_unbroken_one_bit_for_bit(at: int, manifest: Manifest) -> None:
    told = ["perceptual=self", "perceptual.learn_until=0.5", "train.noise_sigma=0.5"]
    unbroken, first, resumed = (MelVQVAERecipe(_config(*told), manifest) for _ in range(3))
    whole = _run(unbroken, range(8))
    _run(first, range(at))
    resumed.load_state_dict(first.state_dict())
    assert _run(resumed, range(at, 8)) == whole[at:]
    states = (unbroken.model.state_dict(), resumed.model.state_dict())
    assert all(torch.equal(states[0][name], value) for name, value in states[1].items())


def test_the_ear_learns_the_labels_first_and_compares_from_then_on(manifest: Manifest, tmp_path: Path) -> None:
    told = ["adversary=none", "perceptual=self", "perceptual.learn_until=0.5"]
    recipe = MelVQVAERecipe(_config(*told), manifest)
    found = _run(recipe, range(8))
    assert all(one["perceptual"] == 0 and one["ear_loss"] > 0 for one in found[:4])
    assert all(one["perceptual"] > 0 and "ear_loss" not in one for one in found[4:])
    save_checkpoint(tmp_path / "kept", recipe.state_dict())
    file = f"perceptual.weights={tmp_path}/kept/perceptual.safetensors"
    given = MelVQVAERecipe(_config("adversary=none", "perceptual=file", file), _waves())
    assert _run(given, range(1))[0]["perceptual"] > 0
    with pytest.raises(StoreError, match="holds other layers"):
        MelVQVAERecipe(_config("perceptual=file", file, "perceptual.widths=[16]"), _waves())
    with pytest.raises(ParameterError, match="found 0 labels"):
        MelVQVAERecipe(_config("perceptual=self"), _waves())


def test_defect_3_noise_is_gaussian_on_vectors_and_any_real_number() -> None:
    """The reference added integers to the index of a code, which has no neighbours."""
    quiet, noisy = (
        MelVQVAERecipe(_config(f"train.noise_sigma={sigma}", "adversary=none"), _waves()) for sigma in (0, 0.5)
    )
    batch = quiet.batch(4)
    told = {"quantize": True, "restart_below": 0.0}
    torch.manual_seed(0)
    plain = quiet.model.eval()(batch.picture, batch.inside, **told)
    moved = [quiet.model(batch.picture, batch.inside, noise=0.5, **told) for _ in range(2)]
    assert all(torch.equal(one.codes, plain.codes) for one in moved)
    assert not torch.equal(moved[0].picture, plain.picture) and not torch.equal(moved[0].picture, moved[1].picture)
    assert _run(quiet, range(2))[1]["loss"] != _run(noisy, range(2))[1]["loss"]
    with pytest.raises(Exception, match="noise_sigma"):
        _config("train.noise_sigma=-1")


def test_defect_2_moments_of_code_vectors_that_begin_anew_are_forgotten() -> None:
    """The reference kept Adam's moments of the rows that it replaced."""
    told = ["model.quantizer=plain", "model.quantizer.restart=on", "adversary=none", "train.restart_until=1"]
    recipe = MelVQVAERecipe(_config(*told), _waves())
    _run(recipe, range(2))
    book = recipe.model.quantizer.shared
    moments = recipe.optimiser.state[book.vectors]["exp_avg"]
    moments.fill_(1.0)
    book.counts.zero_()
    book.counts[0] = 100.0
    recipe.config = recipe.config.model_copy(
        update={"train": recipe.config.train.model_copy(update={"weight_decay": 0.0})}
    )
    seen: list[Tensor] = []
    recipe.model.register_forward_hook(lambda *_: seen.append(moments.clone()))
    _run(recipe, range(2, 3))
    assert book.restarted is not None and book.restarted.any()
    assert (seen[0][book.restarted] == 1).all()
    assert (moments[book.restarted].abs() < 0.5).all()
    assert (moments[~book.restarted] > 0.5).all()


def test_defect_12_the_event_file_holds_what_the_published_run_logs_and_sound_besides(
    manifest: Manifest, tmp_path: Path
) -> None:
    """The reference logged images of the first batch only, no sound, and printed a count for every code."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = _config("perceptual=self", "perceptual.learn_until=0.3")
    run = RunFolder.start(tmp_path / "run", to_toml(config))
    cadence = Cadence(log=1, evaluate=4, checkpoint=8)
    recipe = MelVQVAERecipe(config, manifest)
    fit(recipe, steps=8, run=run, engine=recipe.engine, seed=0, cadence=cadence, progress=False)
    board = EventAccumulator(str(run.events), size_guidance={"histograms": 0})
    board.Reload()
    tags = board.Tags()
    told = {"loss", "picture", "commitment", "perceptual", "d_weight", "disc_factor", "g_loss", "disc_loss"}
    told |= {"logits_real", "logits_fake", "learning_rate", "ear_loss"}
    assert {f"train/{name}" for name in told} <= set(tags["scalars"])
    held_out = {"picture_l1_db", "zero_hit_codes", "perplexity", "g_loss", "logits_real", "logits_fake", "disc_loss"}
    assert {f"evaluate/{name}" for name in held_out} <= set(tags["scalars"])
    assert tags["histograms"] == ["code_hits"] and [event.step for event in board.Histograms("code_hits")] == [4, 8]
    assert set(tags["images"]) == set(tags["audio"]) == {"0/original", "0/reconstruction"}
    assert [event.value for event in board.Scalars("train/disc_factor")] == [0.0] * 3 + [1.0] * 5
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    counts = [line["code_hits"] for line in lines if line["kind"] == "counts"]
    assert len(counts) == 2 and sum(counts[1]) == board.Histograms("code_hits")[1].histogram_value.num
    assert {"d_weight", "g_loss", "disc_loss"} <= set(lines[-3])
