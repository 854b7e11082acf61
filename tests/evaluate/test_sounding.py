"""What makes a model sound: a real clip's frames sound as its round trip does, and frames are scored as tokens are."""

from collections.abc import Sequence

import pytest
import torch
from evaluate_fakes import FRAME_SCHEMA, PICTURE, RealFrames, toned
from torch import Tensor

from smalti.core import Condition
from smalti.evaluate import (
    FrameSounding,
    GenerationSettings,
    MovementSettings,
    References,
    Sounding,
    Sweep,
    evaluate_generation,
    evaluate_morphs,
    evaluate_movements,
)
from smalti.nn.griffin_lim import GriffinLimVocoder

SECONDS = 0.5
VALUES = tuple(3.0 + 7.0 * i for i in range(13))


def pitch(samples: Tensor, sample_rate: int) -> float:
    """The estimator: where the spectrum is highest, in percent of half the rate."""
    return 100 * float(torch.fft.rfft(samples).abs().argmax()) / (len(samples) // 2)


def model(frames: RealFrames | None = None) -> FrameSounding:
    lm = frames or RealFrames()
    return FrameSounding(lm, GriffinLimVocoder(PICTURE), lm.generate)


def test_frames_of_a_real_clip_sound_as_its_round_trip_and_as_long_as_asked() -> None:
    sounding = model()
    assert isinstance(sounding, Sounding)
    condition = Condition.empty(2, 40, 1)
    places = torch.tensor([0.2, 0.6])
    condition.values[:] = places[:, None, None]
    drawn = sounding.write(condition, seeds=[0, 1])
    assert [tuple(one.shape) for one in drawn] == [(PICTURE.bands, 40)] * 2
    clips = [toned(100 * place, 40 * PICTURE.hop) for place in places]
    for made, again in zip(sounding.sound(drawn), sounding.round_trip(clips), strict=True):
        assert len(made) == 40 * PICTURE.hop
        assert torch.equal(made, again)
    assert len(sounding.round_trip([toned(20.0, 4321)])[0]) == 4321


def render(value: float, index: int) -> Tensor:
    return toned(value, round(SECONDS * PICTURE.sample_rate))


def test_a_model_of_frames_is_heard_as_obedient_as_it_is() -> None:
    sweep = Sweep(label=None, name="pitch", values=VALUES, measure=pitch, render=render)
    settings = GenerationSettings(seconds=SECONDS, null_clips=20, rows=9, decode_rows=4)
    found = evaluate_generation(model(), references=References(), sweeps=[sweep], settings=settings)
    score = (found.parameter_correlation or {})["pitch"]
    assert score.spearman > 0.99 and score.ceiling is not None and score.ceiling > 0.99
    assert score.null is not None and abs(score.null) < 0.6
    assert found.frechet is not None and found.clips == 13 + 20
    assert (found.bits_per_token, found.copy_rate, found.latents, found.continuation) == (None,) * 4
    deaf = evaluate_generation(model(RealFrames(deaf=True)), references=References(), sweeps=[sweep], settings=settings)
    assert abs((deaf.parameter_correlation or {})["pitch"].spearman) < 0.7


def test_frames_that_move_are_followed_and_labels_pass_into_each_other() -> None:
    settings = MovementSettings(seconds=2.0, clips=2)
    sweep = Sweep(label=None, name="pitch", values=VALUES, measure=pitch, window=0.2)
    moved = evaluate_movements(model(), sweeps=[sweep], settings=settings)["pitch"]
    assert moved["ramp"].correlation > 0.95 and moved["step"].correlation > 0.9
    assert evaluate_morphs(model(), settings=settings) == {}  # without labels
    assert FRAME_SCHEMA.labels == ()


def test_a_seed_decides_what_is_not_asked() -> None:
    def written(seeds: Sequence[int]) -> list[Tensor]:
        return model().write(Condition.empty(len(seeds), 9, 1), seeds=seeds)

    assert torch.equal(written([3, 4])[1], written([4])[0])
    assert not torch.equal(*written([3, 4]))


@pytest.mark.parametrize("made", [0, 7])
def test_any_length_is_heard(made: int) -> None:
    [sound] = model().sound([torch.zeros(PICTURE.bands, made)])
    assert len(sound) == made * PICTURE.hop
