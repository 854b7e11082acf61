"""The language model of frames keeps the order of time, is the same alone and in company, and with a cache."""

import math

import pytest
import torch

from smalti.core import Condition, Mix, Parameter, ParameterError, Schema
from smalti.features import FrameGuess, FrameLM, FrameStepper, MelSettings
from smalti.nn.frame_lm import FrameTransformer
from smalti.nn.transformer import TransformerSettings

PICTURE = MelSettings(sample_rate=8000, n_fft=256, hop=64, bands=7, low_hz=0.0, high_hz=4000.0)
SCHEMA = Schema(("low", "high"), (Parameter(name="rate"), Parameter(name="depth", label="high")))
PARTS = ("weights", "means", "deviations")


def model(*, components: int = 3, layers: int = 2) -> FrameTransformer:
    torch.manual_seed(0)
    transformer = TransformerSettings(width=16, layers=layers, heads=2, window=5, condition_width=6)
    made = FrameTransformer(picture=PICTURE, schema=SCHEMA, components=components, transformer=transformer).eval()
    for weight in made.parameters():  # gates begin at zero: a model that has learnt nothing hears nothing
        torch.nn.init.normal_(weight, std=0.3)
    return made


def frames(batch: int, count: int) -> torch.Tensor:
    return torch.rand(batch, 7, count, generator=torch.Generator().manual_seed(10 * batch + count))


def told(batch: int, count: int) -> Condition:
    generator = torch.Generator().manual_seed(batch + count)
    labels = torch.randint(-1, 2, (batch, 1), generator=generator).expand(batch, count)
    return Condition(labels, torch.rand(batch, count, 2, generator=generator))


def alike(found: FrameGuess, wanted: FrameGuess, *, within: float = 1e-5) -> None:
    for part in PARTS:
        torch.testing.assert_close(getattr(found, part), getattr(wanted, part), rtol=0, atol=within)


def test_it_is_a_language_model_of_frames() -> None:
    assert isinstance(model(), FrameLM)
    assert isinstance(model().stepper(2), FrameStepper)


@pytest.mark.parametrize("components", [0, 3])
def test_it_believes_something_finite_of_every_level(components: int) -> None:
    found = model(components=components).guess(frames(2, 11), told(2, 11))
    assert found.means.shape == found.deviations.shape == (2, 11, components or 1, 7)
    assert found.weights.shape == (2, 11, components or 1)
    assert all(getattr(found, part).isfinite().all() for part in PARTS)
    # never surer than half a decibel of the hundred in a picture; a single value has no spread at all
    assert float(found.deviations.detach().min()) >= 0.005 - 1e-7 if components else (found.deviations == 0).all()


def test_a_mix_of_labels_is_read_at_once_as_step_by_step() -> None:
    lm, heard, asked = model(), frames(2, 9), told(2, 9)
    shares = torch.linspace(0, 1, 9).expand(2, 9)
    mixed = Condition(asked.labels, asked.values, Mix(torch.stack([1 - shares, shares], 2), torch.ones(2, 9, 2)))
    whole, stepper = lm.guess(heard, mixed), lm.stepper(2)
    before = torch.nn.functional.pad(heard, (1, 0), value=math.nan)
    for frame in range(9):
        step = stepper.step(before[:, :, frame : frame + 1], mixed.at(slice(frame, frame + 1)))
        torch.testing.assert_close(step.means[:, 0], whole.means[:, frame], rtol=0, atol=1e-5)
    assert not torch.allclose(whole.means, lm.guess(heard, asked).means, atol=1e-3)


def test_later_frames_and_conditions_never_change_earlier_guesses() -> None:
    lm, heard, asked = model(), frames(2, 13), told(2, 13)
    other, elsewhere = heard.clone(), Condition(asked.labels.clone(), asked.values.clone())
    other[:, :, 6:] = 1 - other[:, :, 6:]
    elsewhere.values[:, 7:] = 1 - elsewhere.values[:, 7:]
    before, after = lm.guess(heard, asked), lm.guess(other, elsewhere)
    assert torch.equal(before.means[:, :7], after.means[:, :7])
    assert not torch.allclose(before.means[:, 7], after.means[:, 7])


def test_an_item_is_the_same_alone_and_padded_in_any_batch() -> None:
    lm, heard, asked = model(), frames(3, 9), told(3, 9)
    heard[1, :, 5:] = math.nan
    asked.values[1, 5:] = asked.values[1, 4].clone()
    together = lm.guess(heard, asked)
    alone = lm.guess(heard[1:2, :, :5], asked.rows(torch.tensor([1])).at(slice(0, 5)))
    alike(alone, together.items(slice(1, 2)).at(slice(0, 5)))


@pytest.mark.parametrize("block", [1, 3, 17])
@pytest.mark.parametrize("components", [0, 3])
def test_step_by_step_equals_all_at_once(block: int, components: int) -> None:
    lm, heard, asked = model(components=components), frames(2, 17), told(2, 17)
    whole = lm.guess(heard, asked)
    before = torch.nn.functional.pad(heard, (1, 0), value=math.nan)[:, :, :-1]
    stepper = lm.stepper(2)
    for first in range(0, 17, block):
        piece = slice(first, first + block)
        alike(stepper.step(before[:, :, piece], asked.at(piece)), whole.at(piece))


def test_labels_that_pass_into_one_another_begin_and_end_as_themselves() -> None:
    lm, heard = model(), frames(2, 6)
    values = torch.full((2, 6, 2), math.nan)
    low, high = (Condition(torch.full((2, 6), label), values) for label in (0, 1))
    shares = torch.linspace(0, 1, 6).expand(2, 6)
    mix = Mix(torch.stack([1 - shares, shares], dim=2), torch.ones(2, 6, 2))
    mixed = Condition(torch.full((2, 6), -1), values, mix)
    found = lm.guess(heard, mixed)
    alike(found.at(slice(0, 1)), lm.guess(heard, low).at(slice(0, 1)))
    stepper = lm.stepper(2)
    before = torch.nn.functional.pad(heard, (1, 0), value=math.nan)[:, :, :-1]
    for frame in range(6):
        here = slice(frame, frame + 1)
        alike(stepper.step(before[:, :, here], mixed.at(here)), found.at(here))
    ends = Condition(torch.full((2, 1), -1), values[:, :1], Mix(mix.labels[:, -1:], mix.values[:, -1:]))
    alike(lm.guess(heard, ends), lm.guess(heard, high))


def test_what_lies_out_of_reach_changes_nothing_wherever_it_is() -> None:
    lm = model(layers=1)  # reach: 5 frames
    asked, heard = Condition.empty(1, 1, 2), frames(1, 5)
    found: list[FrameGuess] = []
    for earlier in (0, 40):
        stepper = lm.stepper(1)
        for at in range(earlier):
            stepper.step(frames(1, at + 1)[:, :, :1], asked)
        found.append([stepper.step(frame, asked) for frame in heard.split(1, dim=2)][-1])
    alike(found[0], found[1], within=1e-4)


def test_a_history_that_is_reset_begins_again_and_leaves_the_others() -> None:
    lm, heard, asked = model(), frames(2, 4), Condition.empty(2, 4, 2)
    start = torch.full((2, 7, 1), math.nan)
    stepper = lm.stepper(2)
    first = stepper.step(start, asked.at(slice(0, 1)))
    stepper.step(heard, asked)
    stepper.reset(torch.tensor([1]))
    again = stepper.step(torch.cat([heard[:1, :, :1], start[1:]]), asked.at(slice(0, 1)))
    alike(again.items(slice(1, 2)), first.items(slice(1, 2)))
    assert not torch.allclose(again.means[0], first.means[0])


def test_what_does_not_fit_is_refused() -> None:
    lm, nothing = model(), Condition.empty(1, 1, 2)
    with pytest.raises(ParameterError, match="6 bands, this model 7"):
        lm.guess(torch.rand(1, 6, 3), nothing)
    with pytest.raises(ParameterError, match="this model knows 0…1"):
        lm.guess(torch.full((1, 7, 3), 1.5), nothing)
    with pytest.raises(ParameterError, match=r"shape \(1, 2\)"):
        lm.guess(frames(1, 3), Condition.empty(1, 2, 2))
    with pytest.raises(ParameterError, match="3 parameters"):
        lm.guess(frames(1, 3), Condition.empty(1, 1, 3))
    with pytest.raises(ParameterError, match="training mode"):
        model().train().stepper(1)
