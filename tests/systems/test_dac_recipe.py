"""How DAC learns: what it is shown, what it is judged by, and what becomes of codes that nobody chooses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from smalti.core import DataError
from smalti.nn.weight_norm import fold_weights
from smalti.quantize.projected import ProjectedResidualQuantizer
from smalti.systems.dac import DACConfig, DACRecipe, ModelConfig
from smalti.systems.dac.averages import CodeAverages
from smalti.systems.dac.clips import turned
from smalti.systems.dac.config import JudgeConfig, LambdasConfig, TrainConfig
from smalti.systems.dac.judging import SoundJudges, levelled
from smalti.systems.dac.net import DACNet
from smalti.systems.dac.objective import Objective
from smalti.train import EngineSettings

_TESTS = Path(__file__).parents[1]
_MODEL = ModelConfig(
    sample_rate=8000, strides=(2, 4, 5), encoder_width=4, decoder_width=16, codebooks=3, vocab=11, code_dim=4
)
_FOLDED = ModelConfig(
    sample_rate=8000, fold=16, strides=(2, 2), encoder_width=5, decoder_width=16, codebooks=3, vocab=11, code_dim=4
)
_TRAIN = TrainConfig(
    steps=6, batch=4, crop=0.2, learning_rate=3e-3, start_vectors=30, mel_windows=(64, 256), mel_bands=(5, 20)
)
_JUDGE = JudgeConfig(start=3, periods=(3,), windows=(64,), width=2)
_NO_JUDGE = JudgeConfig(periods=(), windows=())


def _waves(count: int = 6, samples: int = 4000) -> list[torch.Tensor]:
    time = torch.arange(samples) / 8000
    return [0.3 * (2 * torch.pi * 200 * (1 + item) * time).sin() for item in range(count)]


def _recipe(model: ModelConfig = _MODEL, judge: JudgeConfig = _NO_JUDGE, **train: object) -> DACRecipe:
    settings = DACConfig(
        model=model,
        train=_TRAIN.model_copy(update=train),
        judge=judge,
        engine=EngineSettings(accelerator="cpu", precision="32"),
    )
    return DACRecipe(settings, _waves(), held_out=2)


@pytest.mark.parametrize("model", [_MODEL, _FOLDED], ids=["published layers", "folded"])
def test_it_learns_what_it_is_shown(model: ModelConfig) -> None:
    recipe = _recipe(model, steps=24, learning_rate=1e-2, batch=2)
    found = [recipe.step(recipe.batch(step % 2), step)["mel"] for step in range(24)]
    assert sum(found[-2:]) < 0.75 * sum(found[:2])


def test_judges_speak_from_their_start_on_and_learn_beside_it() -> None:
    recipe = _recipe(judge=_JUDGE)
    said = [recipe.step(recipe.batch(step), step) for step in range(5)]
    assert ["discriminator" in each for each in said] == [False, False, False, True, True]
    assert {"adversarial", "features", "logits_real", "logits_made"} <= said[-1].keys()


def test_the_published_rate_falls_by_a_factor_a_step() -> None:
    recipe = _recipe(learning_rate=1e-4, decay=0.5)
    rates = [recipe.step(recipe.batch(step), step)["learning_rate"] for step in range(3)]
    assert rates == pytest.approx([1e-4, 5e-5, 2.5e-5])


def test_half_of_a_batch_draws_how_many_codebooks_it_uses() -> None:
    recipe = _recipe(batch=8)
    depths = torch.stack([recipe.batch(step).depths for step in range(40)])
    assert bool((depths[:, 4:] == 3).all())
    assert set(depths[:, :4].flatten().tolist()) == {1, 2, 3}


def test_crops_are_whole_frames_and_the_same_whenever_they_are_asked_for() -> None:
    recipe = _recipe()
    batch, again, other = recipe.batch(3), recipe.batch(3), recipe.batch(4)
    assert batch.sound.shape == (4, 1600) and torch.equal(batch.sound, again.sound)
    assert not torch.equal(batch.sound, other.sound)
    assert recipe.clips(3) == recipe.clips(3) and all(name.startswith("waveform") for name in recipe.clips(3))


def test_turned_phases_keep_magnitudes_and_half_a_turn_is_upside_down() -> None:
    sound = torch.randn(400, generator=torch.Generator().manual_seed(0))
    found = turned(sound, 1.1)
    torch.testing.assert_close(
        torch.fft.rfft(found)[1:-1].abs(), torch.fft.rfft(sound)[1:-1].abs(), rtol=1e-3, atol=1e-3
    )
    assert not torch.allclose(found, sound, atol=0.1)
    torch.testing.assert_close(turned(sound, torch.pi), -sound, rtol=0, atol=1e-5)


def test_gains_stay_in_their_bounds_and_no_crop_clips() -> None:
    recipe = _recipe(gain_db=(-6.0, 40.0), turn=False, batch=16)
    peaks = torch.cat([recipe.batch(step).sound.abs().amax(dim=1) for step in range(4)])
    assert float(peaks.max()) <= 1 + 1e-6 and float(peaks.min()) > 0.3 * 10 ** (-6.1 / 20)
    assert float(peaks.max() / peaks.min()) > 2


def test_a_share_of_crops_is_silence() -> None:
    recipe, loud = _recipe(silent=0.3), _recipe()
    pairs = [pair for step in range(30) for pair in zip(recipe.batch(step).sound, loud.batch(step).sound, strict=True)]
    silent = sum(not one.any() for one, _ in pairs)
    assert 20 <= silent <= 52  # of 120, about 36
    assert sum(not other.any() for _, other in pairs) == 0


def test_codes_are_placed_once_and_until_then_nothing_is_quantised() -> None:
    recipe = _recipe(quantize_from=0.5)
    books = [layer.codebook.weight for layer in recipe.net.quantizer.layers]
    before = [book.detach().clone() for book in books]
    for step in range(3):
        assert recipe.step(recipe.batch(step), step)["commitment"] == 0
    assert all(torch.allclose(book, was, rtol=1e-2) for book, was in zip(books, before, strict=True))
    assert recipe.step(recipe.batch(3), 3)["commitment"] > 0
    assert not any(torch.allclose(book, was, rtol=1e-2) for book, was in zip(books, before, strict=True))


def test_idle_codes_are_moved_while_they_may_be() -> None:
    moving, late = (_recipe(restart_below=0.99, restart_until=until, learning_rate=1e-9) for until in (1.0, 0.0))
    for recipe in (moving, late):
        book = recipe.net.quantizer.layers[0].codebook.weight
        before = book.detach().clone()
        for step in range(3):
            recipe.step(recipe.batch(step), step)
        moved = int((book - before).abs().amax(dim=1).gt(1e-3).sum())
        assert (moved > 0) == (recipe is moving), moved


def _averages() -> tuple[ProjectedResidualQuantizer, CodeAverages, torch.Tensor]:
    torch.manual_seed(0)
    quantizer = ProjectedResidualQuantizer(dim=10, codebooks=3, vocab=11, code_dim=4)
    averages = CodeAverages(_MODEL, device=torch.device("cpu"))
    averages.begin(quantizer)
    return quantizer, averages, 3 * torch.randn(2, 10, 50, generator=torch.Generator().manual_seed(1))


def test_codes_that_follow_become_the_means_of_what_chooses_them() -> None:
    quantizer, averages, latents = _averages()
    for _ in range(300):
        averages.learn(quantizer, latents, follow=True, restart_below=0.0)
    book, points, codes = next(iter(quantizer.looks(latents)))
    for code in codes.unique().tolist():
        torch.testing.assert_close(book[code], points[codes == code].mean(dim=0), rtol=0, atol=0.05)


def test_codes_that_do_not_follow_stay_unless_they_are_idle() -> None:
    quantizer, averages, latents = _averages()
    for below, moves in ((0.0, False), (0.7, True)):
        before = [book.detach().clone() for book in quantizer.books]
        for _ in range(10):
            averages.learn(quantizer, latents, follow=False, restart_below=below)
        assert moves != all(torch.equal(book, was) for book, was in zip(quantizer.books, before, strict=True))


def test_an_idle_code_begins_anew_with_a_fair_chance() -> None:
    quantizer, averages, latents = _averages()
    (_, _, first), *_ = quantizer.looks(latents)
    rarest = int(first.bincount(minlength=11).argmin())
    averages.counts[0, rarest] = 0
    before = quantizer.books[0].detach().clone()
    averages.learn(quantizer, latents, follow=False, restart_below=0.5)
    assert [place for place in range(11) if not torch.equal(quantizer.books[0][place], before[place])] == [rarest]
    assert float(averages.counts[0, rarest]) == pytest.approx(float(averages.counts[0].mean()), rel=0.2)


def test_only_weighed_losses_are_reckoned_and_an_evaluation_tells_all() -> None:
    train = _TRAIN.model_copy(update={"lambdas": LambdasConfig(mel=2.0, yardstick=0.5)})
    objective, sound = Objective(train, sample_rate=8000), torch.stack(_waves(2, 3000))
    made = 0.5 * sound
    losses = objective.of_sound(made, sound)
    assert losses.keys() == {"mel", "yardstick"}
    assert objective.of_sound(made, sound, told=True).keys() == {"mel", "yardstick", "linear", "stft", "waveform"}
    assert float(objective.total(losses)) == pytest.approx(2 * float(losses["mel"]) + 0.5 * float(losses["yardstick"]))
    assert float(objective.total(objective.of_sound(sound, sound))) == 0


def test_an_evaluation_tells_distances_and_codes_in_use() -> None:
    recipe = _recipe()
    found = recipe.evaluate()
    assert {"log_mel_l1_db", "mel", "stft", "waveform", "usage_0", "perplexity_2"} <= found.keys()
    samples = recipe.samples()
    assert samples.audio["0/reconstruction"].samples.shape == samples.audio["0/original"].samples.shape
    assert int(samples.counts["code_hits/1"].sum()) > 0


def test_kept_weights_are_folded_and_sound_the_same() -> None:
    recipe = _recipe(_FOLDED)
    recipe.step(recipe.batch(0), 0)
    kept = recipe.weights()
    net = DACNet(_FOLDED)
    net.load_state_dict(kept.tensors)
    sound = torch.stack(_waves(2, 1280))
    torch.testing.assert_close(net.encoder(sound), recipe.net.encoder(sound), rtol=1e-3, atol=1e-4)
    assert kept.tensors.keys() == fold_weights(recipe.net.state_dict()).keys()


def test_judges_hear_every_sound_around_zero_and_at_one_level() -> None:
    sound = torch.stack([0.01 * torch.randn(900) + 0.3, torch.zeros(900)])
    heard = levelled(sound)
    assert float(heard[0].abs().max()) == pytest.approx(0.8, rel=1e-4) and abs(float(heard[0].mean())) < 1e-5
    assert not bool(heard[1].any())
    torch.manual_seed(0)
    judges = SoundJudges(_JUDGE)
    loud = torch.randn(2, 900, generator=torch.Generator().manual_seed(0))
    for one, other in zip(judges(loud), judges(0.1 * loud + 0.2), strict=True):
        torch.testing.assert_close(one.score, other.score, rtol=1e-3, atol=1e-4)


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match="learn from"):
        DACRecipe(DACConfig(model=_MODEL, train=_TRAIN, judge=_NO_JUDGE), _waves(2), held_out=2)


def test_a_cut_run_goes_on_bit_for_bit_with_its_judges_and_its_averages() -> None:
    whole, first, second = (_recipe(judge=_JUDGE, quantize_from=0.2, restart_below=0.8, follow=True) for _ in range(3))
    for step in range(6):
        torch.manual_seed(step)
        whole.step(whole.batch(step), step)
    for recipe, steps in ((first, range(4)), (second, range(4, 6))):
        if recipe is second:
            second.load_state_dict(first.state_dict())
        for step in steps:
            torch.manual_seed(step)
            recipe.step(recipe.batch(step), step)
    assert all(torch.equal(value, second.weights().tensors[name]) for name, value in whole.weights().tensors.items())


@pytest.mark.slow
def test_two_processes_hear_other_clips_and_share_all_weights(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_TESTS), *sys.path]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "faults.dac_processes", str(tmp_path)]
    subprocess.run(command, check=True, env=environment, stderr=subprocess.PIPE, timeout=300)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text("utf-8")) for rank in (0, 1))
    assert first["clips"] != second["clips"]
    assert first["moved"] and first["weights"] == second["weights"]
