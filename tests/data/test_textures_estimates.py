"""Every ear hears what was asked, in its unit, at any sample rate, and says NaN where there is nothing to hear."""

import math

import numpy as np
import pytest

from smalti.data.textures import TEXTURES, estimate, render_clip
from smalti.data.textures.hearing import calibrated, fastest, listen, peaks, repetition
from smalti.data.textures.scores import score

EARS = [(kind, name) for kind, texture in TEXTURES.items() for name in texture.estimate]
MAIN = [(kind, texture.main) for kind, texture in TEXTURES.items()]
# median error in the parameter's unit (lin) or as a share of it (log), and the least rank correlation
SECONDARY = {
    "pistons.irregularity": (0.06, 0.85),
    "pistons.hardness": (0.07, 0.95),
    "wind.gustiness": (0.35, 0.85),
    "wind.howl": (0.1, 0.95),
    "bees.wander": (0.3, 0.95),
    "fm.carrier": (0.02, 0.98),
    "fm.depth": (0.02, 0.98),
    "rain.drop_size": (0.05, 0.98),
    "engine.cylinders": (0.6, 0.93),
    "engine.load": (0.1, 0.93),
    "peepers.call_rate": (0.15, 0.95),
    "peepers.spread": (0.08, 0.95),
}


def heard(kind: str, name: str, *, clips: int, seconds: float, sample_rate: int = 22_050) -> list[tuple[float, float]]:
    parameter = TEXTURES[kind].parameter(name)
    asked = [parameter.denormalise(position) for position in np.linspace(0, 1, clips).tolist()]
    rendered = [
        render_clip(kind, {name: v}, seconds=seconds, sample_rate=sample_rate, seed=i) for i, v in enumerate(asked)
    ]
    return [(v, estimate(kind, name, clip.samples, sample_rate)) for v, clip in zip(asked, rendered, strict=True)]


def median_error(kind: str, name: str, pairs: list[tuple[float, float]]) -> float:
    log = TEXTURES[kind].parameter(name).scale == "log"
    return float(np.median([abs(m / a - 1) if log else abs(m - a) for a, m in pairs]))


@pytest.mark.parametrize(("kind", "name"), MAIN)
def test_the_main_parameter_is_measured_in_its_own_unit(kind: str, name: str) -> None:
    pairs = heard(kind, name, clips=15, seconds=4.0)
    assert score(pairs, unit="").spearman >= 0.97
    assert median_error(kind, name, pairs) <= (0.2 if kind in ("applause", "rain") else 0.03)


@pytest.mark.parametrize(("kind", "name"), [ear for ear in EARS if ear not in MAIN])
def test_other_parameters_are_measured_as_well_as_they_can_be(kind: str, name: str) -> None:
    error, spearman = SECONDARY[f"{kind}.{name}"]
    pairs = heard(kind, name, clips=15, seconds=8.0 if name in ("gustiness", "irregularity") else 4.0)
    assert score(pairs, unit="").spearman >= spearman
    assert median_error(kind, name, pairs) <= error


@pytest.mark.parametrize(("kind", "name"), MAIN)
def test_measures_agree_at_both_sample_rates(kind: str, name: str) -> None:
    low, high = (heard(kind, name, clips=5, seconds=3.0, sample_rate=rate) for rate in (22_050, 44_100))
    for (_, first), (_, second) in zip(low, high, strict=True):
        assert second == pytest.approx(first, rel=0.3 if kind in ("applause", "rain") else 0.05)


@pytest.mark.parametrize(("kind", "name"), EARS)
def test_no_ear_fails_on_any_sound(kind: str, name: str) -> None:
    noise = np.random.default_rng(0).standard_normal(9000)
    click = np.zeros(22_050)
    click[11_000] = 1.0
    assert math.isnan(estimate(kind, name, np.zeros(22_050), 22_050))
    assert math.isnan(estimate(kind, name, np.zeros(0), 22_050))
    broken = noise.copy()
    broken[::7] = np.nan
    for sound in (
        noise,
        1e-3 * noise,
        noise[:1200],
        noise[:2000],
        click,
        np.ones(9000),
        broken,
        np.sin(np.arange(9000) / 9),
    ):
        value = estimate(kind, name, sound, 22_050)
        assert isinstance(value, float)
        assert math.isnan(value) or math.isfinite(value)


def test_no_ear_minds_loudness() -> None:
    for kind, name in EARS:
        clip = render_clip(kind, seconds=2.0)
        loud, soft = (estimate(kind, name, clip.samples * gain, clip.sample_rate) for gain in (1.0, 0.05))
        assert soft == pytest.approx(loud, rel=0.02, abs=0.02)


def test_jittered_strokes_are_counted_where_they_do_not_repeat() -> None:
    clip = render_clip("pistons", {"rate": 6.0, "irregularity": 0.3}, seconds=8.0)
    assert estimate("pistons", "rate", clip.samples, clip.sample_rate) == pytest.approx(6.0, rel=0.1)


def test_a_swing_is_measured_within_a_single_period() -> None:
    clip = render_clip("fm", {"modulation": 0.8}, seconds=1.2)
    assert estimate("fm", "modulation", clip.samples, clip.sample_rate) == pytest.approx(0.8, rel=0.1)


def test_listening_keeps_a_tone_at_its_frequency() -> None:
    tone = np.sin(2 * np.pi * 441.0 * np.arange(48_000) / 48_000)
    wave = listen(tone, 48_000)
    spectrum = np.abs(np.fft.rfft(wave))
    assert len(wave) == 22_050
    assert spectrum.argmax() == 441


def test_a_repetition_is_found_at_its_rate_and_not_at_half_of_it() -> None:
    signal = (np.arange(690) % 23 == 5).astype(float)
    rates, agreement = repetition(signal, 172.5, low=1.0, high=20.0)
    assert fastest(rates, agreement) == pytest.approx(7.5, rel=0.02)
    assert agreement.max() <= 1 + 1e-9


def test_peaks_keep_their_distance_and_height() -> None:
    signal = np.array([0.0, 3.0, 2.0, 0.0, 0.5, 0.0, 4.0, 0.0])
    assert peaks(signal, apart=2, height=1.0).tolist() == [1, 6]


def test_a_calibration_passes_its_points_and_goes_on_straight() -> None:
    table = ((1.0, 10.0), (2.0, 40.0))
    assert calibrated(1.0, table) == pytest.approx(10.0)
    assert calibrated(4.0, table) == pytest.approx(160.0)
    assert math.isnan(calibrated(0.0, table))


def test_scores_rank_what_was_not_measured_lowest() -> None:
    found = score([(1.0, 1.0), (2.0, math.nan), (3.0, 3.5)], unit="Hz")
    assert found.spearman == pytest.approx(0.5)
    assert found.median_error == pytest.approx(0.5)
    assert score([(1.0, 5.0), (2.0, 6.0), (3.0, 9.0)], unit="").spearman == pytest.approx(1.0)
