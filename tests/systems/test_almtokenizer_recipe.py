"""The codec learns: at a rate drawn per step, from varied crops, with finite gradients on silence."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from journey import TINY_ALM
from smalti.config import load_settings
from smalti.data.manifest import Manifest
from smalti.systems import almtokenizer as room
from smalti.systems.almtokenizer import ALMTokenizerConfig, ALMTokenizerRecipe
from smalti.systems.almtokenizer.clips import Crops, SoundClips
from smalti.systems.almtokenizer.config import VaryConfig
from smalti.systems.almtokenizer.variety import Variation, draw, vary
from smalti.train import NamesClips, Recipe, ShowsSamples

_PRESET = Path(room.__file__).parent / "presets" / "tiny.toml"
_RATE = 24000


def _config(*overrides: str) -> ALMTokenizerConfig:
    return load_settings(ALMTokenizerConfig, _PRESET, (*TINY_ALM, *overrides))


def _waves() -> list[Tensor]:
    """Tones that swell, one of them shorter than a crop."""
    time = torch.arange(9000) / _RATE
    tones = [torch.sin(2 * torch.pi * hertz * time) * (0.2 + 2 * time) * 0.5 for hertz in (110.0, 440.0, 1300.0)]
    return [*tones, tones[0][:1000]]


def _recipe(*overrides: str, held_out: int = 0) -> ALMTokenizerRecipe:
    return ALMTokenizerRecipe(_config(*overrides), _waves(), held_out=held_out)


def test_it_offers_all_that_the_loop_asks_for() -> None:
    recipe = _recipe()
    assert isinstance(recipe, Recipe) and isinstance(recipe, ShowsSamples) and isinstance(recipe, NamesClips)


def test_it_learns_what_it_hears() -> None:
    recipe = _recipe(
        "train.steps=60", "train.sound_from=0.3", "train.vary.together=0", "train.vary.faint=0", "train.batch=4"
    )
    found: list[dict[str, float]] = []
    for step in range(60):
        torch.manual_seed(step)
        found.append(dict(recipe.step(recipe.batch(step), step)))
    first, last = ([each["frames"] for each in part] for part in (found[:10], found[-10:]))
    assert sum(last) < 0.7 * sum(first)
    assert ["mel" in each and "stft" in each for each in found] == [False] * 18 + [True] * 42


def test_the_rate_of_a_step_is_drawn_from_seed_and_step_alone() -> None:
    config = _config("train.shallow=0.5")
    clips = SoundClips(_waves(), model=config.model, train=config.train, hop=320)
    rates = [clips.rate(step) for step in range(400)]
    assert rates == [
        SoundClips(_waves()[:2], model=config.model, train=config.train, hop=320).rate(s) for s in range(400)
    ]
    windows, depths = zip(*rates, strict=True)
    assert set(windows) == set(range(2, 11)) and set(depths) == {1, 2}
    assert 2.0 < windows.count(2) / windows.count(6) < 4.5
    assert 0.4 < depths.count(1) / 400 < 0.6


def test_processes_share_the_rate_and_hear_other_crops() -> None:
    config = _config()
    clips = SoundClips(_waves(), model=config.model, train=config.train, hop=320)
    one, other = clips.crops(3, turn=6), clips.crops(3, turn=7)
    assert (one.window, one.depth) == (other.window, other.depth)
    assert one.sound.shape == other.sound.shape and not torch.equal(one.sound, other.sound)


def test_crops_hold_whole_windows_and_say_where_a_recording_ends() -> None:
    config = _config("train.vary.silent=0", "train.vary.together=0", "train.vary.speed=[1.0, 1.0]")
    clips = SoundClips([_waves()[3]], model=config.model, train=config.train, hop=320)
    for step in range(5):
        crops = clips.crops(step, turn=step)
        assert crops.sound.shape[1] % (crops.window * 320) == 0
        assert crops.lengths.tolist() == [min(1000, crops.sound.shape[1])] * 2


def test_gradients_are_finite_on_silence() -> None:
    recipe = _recipe("train.sound_from=0", "train.quantize_from=0")
    silence = Crops(torch.zeros(2, 3 * 6 * 320), torch.tensor([3 * 6 * 320, 400]), 6, 2)
    recipe.net.train()
    rebuilt = recipe.net(silence.sound, 6)
    loss = recipe.objective.total(recipe.objective.losses(rebuilt, silence))
    loss.backward()
    gradients = [each.grad for each in recipe.net.parameters() if each.grad is not None]
    assert loss.isfinite() and all(bool(each.isfinite().all()) for each in gradients)
    assert any(bool(each.any()) for each in gradients)


def test_what_lies_behind_a_recording_is_not_judged() -> None:
    recipe = _recipe("train.sound_from=0")
    samples, lengths = torch.zeros(1, 3840), torch.tensor([1280])
    samples[0, :1280] = 0.1 * torch.randn(1280, generator=torch.Generator().manual_seed(0))
    crops = Crops(samples, lengths, 2, 2)
    rebuilt = recipe.net(samples, 2, quantize=False)
    louder = rebuilt._replace(
        sound=torch.cat([rebuilt.sound[:, :1280], rebuilt.sound[:, 1280:] + 1], dim=1),
        guess=torch.cat([rebuilt.guess[:, :4], rebuilt.guess[:, 4:] + 1], dim=1),
    )
    before, after = (recipe.objective.losses(each, crops) for each in (rebuilt, louder))
    assert {name: value.item() for name, value in before.items()} == {n: value.item() for n, value in after.items()}


def test_nothing_held_out_is_nothing_to_score_and_else_everything_is_there() -> None:
    assert _recipe().evaluate() == {}
    recipe = _recipe(held_out=2)
    found = recipe.evaluate()
    scores = {"log_mel_l1_db", "log_mel_l1_db_2", "usage_0", "usage_1", "perplexity_0", "perplexity_1"}
    assert set(found) == scores | {"loss", "frames", "commitment", "mel", "stft"}
    shown = recipe.samples()
    assert {name.partition("/")[2] for name in shown.audio} == {"original", "window 3", "window 6", "window 10"}
    assert int(shown.counts["code_hits/0"].sum()) == sum(-(-len(wave) // 640) for wave in _waves()[2:])


@pytest.mark.parametrize("speed", [0.8, 1.0, 1.25])
def test_speed_moves_a_tone_and_keeps_its_level(speed: float) -> None:
    count = 4800
    tone = 0.25 * torch.sin(2 * torch.pi * 1000 * torch.arange(round(count * speed)) / _RATE)
    heard = vary(tone, count, Variation(gain=2.0, speed=speed, curve=None, silent=False, together=False))
    spectrum = torch.fft.rfft(heard).abs()
    assert abs(float(spectrum.argmax()) * _RATE / count - 1000 * speed) <= _RATE / count
    assert float(heard.square().mean().sqrt()) == pytest.approx(0.5 / 2**0.5, rel=0.02)


def test_an_equaliser_stays_within_its_range_and_peaks_within_full_scale() -> None:
    config = VaryConfig(equaliser_db=6.0, silent=0, faint=0, gain_db=(0.0, 0.0))
    generator = torch.Generator().manual_seed(3)
    noise = 0.01 * torch.randn(4800, generator=generator)
    heard = vary(noise, 4800, draw(config, generator))
    ratio = 20 * (torch.fft.rfft(heard).abs() / torch.fft.rfft(noise).abs()).log10()
    assert float(ratio.abs().max()) < 6.01 and float(ratio.std()) > 0.5
    loud = vary(noise, 4800, Variation(gain=-1e6, speed=1.0, curve=None, silent=False, together=False))
    assert float(loud.abs().max()) == pytest.approx(1.0)


def test_labels_are_heard_as_evenly_as_asked(sounds: Path) -> None:
    config = _config("train.balance=0")
    manifest = Manifest.read(sounds)
    clips = SoundClips(manifest, model=config.model, train=config.train, hop=320)
    labels = manifest.labels()
    drawn = [labels[piece.clip] for turn in range(100) for piece in clips.chosen(turn)]
    assert 0.35 < drawn.count("rain") / len(drawn) < 0.65
