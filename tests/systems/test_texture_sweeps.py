"""Sweeps of textures are what training never heard, and a window that a texture declares is long enough."""

import pytest

from smalti.core import ParameterError
from smalti.data.textures import TEXTURES
from smalti.evaluate import trajectory_correlation
from smalti.evaluate.movements import SHAPES
from smalti.systems.texture_sweeps import texture_sweep

RATE, SECONDS = 22_050, 6.0
MAIN = [(kind, texture.main) for kind, texture in TEXTURES.items()]


@pytest.mark.parametrize(("kind", "name"), MAIN)
def test_a_real_clip_is_followed_in_the_declared_window(kind: str, name: str) -> None:
    sweep = texture_sweep(kind, name, positions=(0.3, 0.6), seeds=(5,), seconds=1.0, sample_rate=RATE)
    parameter = TEXTURES[kind].parameter(name)
    assert sweep.window is not None and sweep.follow is not None
    ramp = [(share * SECONDS, parameter.denormalise(place)) for share, place in SHAPES["ramp"]]
    score = trajectory_correlation(
        sweep.measure,
        sweep.follow(ramp, SECONDS, 0),
        sample_rate=RATE,
        asked=lambda second: parameter.denormalise(0.1 + 0.8 * second / SECONDS),
        window_seconds=sweep.window,
        hop_seconds=0.5,
        scale=parameter.scale,
    )
    assert score.correlation > 0.85


def test_windows_are_declared_of_what_can_be_measured() -> None:
    for texture in TEXTURES.values():
        assert texture.main in texture.windows
        assert texture.windows.keys() <= texture.estimate.keys()


def test_a_value_is_rendered_as_its_seed_says() -> None:
    sweep = texture_sweep("rain", "rate", positions=(0.1, 0.9), seeds=(3, 4), seconds=0.5, sample_rate=8000)
    assert sweep.values == pytest.approx((5 * 600**0.1, 5 * 600**0.9))
    first, again, other = (sweep.render(100.0, index) for index in (0, 2, 1))
    assert (first == again).all() and not (first == other).all() and len(first) == 4000


def test_what_no_texture_has_is_refused() -> None:
    with pytest.raises(ParameterError, match="call_rate"):
        texture_sweep("peepers", "callrate", positions=(0.5,), seeds=(0,), seconds=1.0, sample_rate=RATE)
    with pytest.raises(ParameterError, match="did you mean 'rain'"):
        texture_sweep("rian", "rate", positions=(0.5,), seeds=(0,), seconds=1.0, sample_rate=RATE)
