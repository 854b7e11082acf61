"""Frames are drawn as they are asked: seeds belong to rows, time goes forward, guidance of one is none."""

import math
from itertools import islice

import pytest
import torch

from smalti.core import Condition, Parameter, ParameterError, Schema
from smalti.features import FrameGuess, MelSettings
from smalti.generate import Sampling, generate_frames, stream_frames
from smalti.generate.frames import draw
from smalti.nn.frame_lm import FrameTransformer
from smalti.nn.transformer import TransformerSettings

PICTURE = MelSettings(sample_rate=8000, n_fft=256, hop=64, bands=5, low_hz=0.0, high_hz=4000.0)
SCHEMA = Schema(("low", "high"), (Parameter(name="rate"),))


@pytest.fixture(scope="module")
def lm() -> FrameTransformer:
    torch.manual_seed(1)
    transformer = TransformerSettings(width=12, layers=2, heads=2, window=4, condition_width=6)
    made = FrameTransformer(picture=PICTURE, schema=SCHEMA, components=3, transformer=transformer).eval()
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return made


def asked(frames: int, *, rate: float = 0.4) -> Condition:
    return Condition(torch.ones(1, frames, dtype=torch.int64), torch.full((1, frames, 1), rate))


def drawn(**fields: float) -> torch.Tensor:
    """Many frames of one guess."""
    believed = FrameGuess(
        torch.tensor([[[2.0, 0.0]]]).expand(4000, 1, 2),
        torch.tensor([[0.3] * 5, [0.6] * 5]).expand(4000, 1, 2, 5),
        torch.full((4000, 1, 2, 5), 0.02),
    )
    generators = [torch.Generator().manual_seed(seed) for seed in range(4000)]
    return draw(believed, Sampling(**fields), generators)[:, :, 0]


def test_levels_are_drawn_from_what_is_believed() -> None:
    found = drawn()
    first = found[:, 0] < 0.45
    share = math.exp(2) / (1 + math.exp(2))
    assert float(first.float().mean()) == pytest.approx(share, abs=0.03)
    assert float(found[first].mean()) == pytest.approx(0.3, abs=2e-3)
    assert float(found[first].std()) == pytest.approx(0.02, rel=0.05)
    assert ((found < 0.45) == first[:, None]).all()  # a frame is of one component in all its bands


def test_temperature_scales_variances_and_keeps_events_and_at_zero_nothing_is_random() -> None:
    for temperature in (0.25, 4.0):
        found = drawn(temperature=temperature)
        first = found[:, 0] < 0.45
        assert float(first.float().mean()) == pytest.approx(math.exp(2) / (1 + math.exp(2)), abs=0.03)
        assert float(found[first].std()) == pytest.approx(0.02 * temperature**0.5, rel=0.05)
    torch.testing.assert_close(drawn(temperature=0.0), torch.full((4000, 5), 0.3))


def test_rare_components_are_never_filtered_as_codes_are() -> None:
    assert torch.equal(drawn(top_p=0.0, top_k=1, min_p=1.0), drawn())


def test_the_same_seed_gives_the_same_frames_in_any_company(lm: FrameTransformer) -> None:
    together = generate_frames(lm, asked(12), sampling=Sampling(), seeds=range(8))
    alone = generate_frames(lm, asked(12), sampling=Sampling(), seeds=[3])
    torch.testing.assert_close(together[3:4], alone, rtol=0, atol=1e-4)
    assert not torch.allclose(together[2], together[3])
    assert ((together >= 0) & (together <= 1)).all()


def test_a_longer_sound_begins_with_the_shorter_and_a_stream_goes_on(lm: FrameTransformer) -> None:
    short, long = (generate_frames(lm, asked(count), sampling=Sampling(), seeds=[5]) for count in (6, 15))
    assert torch.equal(long[:, :, :6], short)
    endless = stream_frames(lm, lambda frame: asked(1), sampling=Sampling(), seeds=[5])
    assert torch.equal(torch.stack(list(islice(endless, 15)), dim=2), long)


def test_what_is_asked_is_heard_from_its_own_frame_on(lm: FrameTransformer) -> None:
    moved = asked(9)
    moved.values[:, 4:] = 0.9
    still, moves = (generate_frames(lm, told, sampling=Sampling(), seeds=[2]) for told in (asked(9), moved))
    assert torch.equal(still[:, :, :4], moves[:, :, :4])
    assert not torch.allclose(still[:, :, 4], moves[:, :, 4])


def test_guidance_of_one_is_plain_and_another_is_not(lm: FrameTransformer) -> None:
    plain = generate_frames(lm, asked(7), sampling=Sampling(), seeds=[0, 1])
    one = generate_frames(lm, asked(7), sampling=Sampling(guidance=1.0, field_guidance=(("label", 1.0),)), seeds=[0, 1])
    assert torch.equal(one, plain)
    nearly = generate_frames(lm, asked(7), sampling=Sampling(guidance=1 + 1e-6), seeds=[0, 1])
    torch.testing.assert_close(nearly, plain, rtol=0, atol=1e-3)
    for strong in (
        Sampling(guidance=2.0),
        Sampling(field_guidance=(("label", 2.0),)),
        Sampling(field_guidance=(("rate", 2.0),)),
    ):
        assert not torch.allclose(generate_frames(lm, asked(7), sampling=strong, seeds=[0, 1]), plain, atol=1e-3)
    unasked = generate_frames(lm, Condition.empty(1, 7, 1), sampling=Sampling(), seeds=[0, 1])
    none = generate_frames(lm, asked(7), sampling=Sampling(guidance=0.0, temperature=0.0), seeds=[0, 1])
    free = generate_frames(lm, Condition.empty(1, 7, 1), sampling=Sampling(temperature=0.0), seeds=[0, 1])
    torch.testing.assert_close(none, free, rtol=0, atol=1e-4)
    assert not torch.allclose(unasked, plain)


def test_a_prompt_is_kept_and_continued_as_if_it_had_been_made(lm: FrameTransformer) -> None:
    still = Sampling(temperature=0.0)
    whole = generate_frames(lm, asked(11), sampling=still, seeds=[0])
    found = generate_frames(lm, asked(5), sampling=still, seeds=[0], prompt=whole[:, :, :6])
    assert torch.equal(found[:, :, :6], whole[:, :, :6])
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-5)


def test_prompts_and_conditions_that_do_not_fit_are_refused(lm: FrameTransformer) -> None:
    for prompt, match in (
        (torch.rand(1, 4, 3), "5 bands"),
        (torch.rand(3, 5, 3), "1 or 2"),
        (torch.full((1, 5, 3), math.nan), "0…1"),
    ):
        with pytest.raises(ParameterError, match=match):
            generate_frames(lm, asked(4), sampling=Sampling(), seeds=[0, 1], prompt=prompt)
    with pytest.raises(ParameterError, match="no frame"):
        generate_frames(lm, asked(0), sampling=Sampling(), seeds=[0])
    with pytest.raises(ParameterError, match="outside 0…1"):
        generate_frames(lm, asked(4, rate=1.5), sampling=Sampling(), seeds=[0])
