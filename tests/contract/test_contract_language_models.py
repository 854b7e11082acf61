"""The exam of every token language model: order of time, batches, caches, seeds, refusals, memory of what it is."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from journey import TINY_LM, Journey
from smalti.core import Condition, ParameterError, SpecError, TokenLM, Tokens
from smalti.generate import Sampling, batch_conditions, condition, generate, parse_setting
from smalti.patterns import find_pattern
from smalti.systems import load_lm
from smalti.systems.training import train


def depth(journey: Journey) -> Path:
    """A synthformer run whose codes are chosen one after the other within a frame."""
    sizes = ("model.pattern=depth", "model.depth_width=12")
    run = journey.lm.with_name("depth")
    train("synthformer/tiny", data=journey.tokens, out=run, overrides=(*TINY_LM, *sizes), progress=False)
    return run


LANGUAGE_MODELS: dict[str, Callable[[Journey], Path]] = {
    "synthformer": lambda journey: journey.lm,
    "synthformer depth": depth,
    "melgpt": lambda journey: journey.gpt,
    "melgpt vae": lambda journey: journey.vae,
}


@pytest.fixture(scope="module", params=LANGUAGE_MODELS)
def run(request: pytest.FixtureRequest, journey: Journey) -> Path:
    return LANGUAGE_MODELS[request.param](journey)


@pytest.fixture(scope="module")
def lm(run: Path) -> TokenLM:
    return load_lm(run)


def codes_of(lm: TokenLM, batch: int, frames: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(batch * 100 + frames)
    return torch.randint(lm.spec.vocab, (batch, lm.spec.codebooks, frames), generator=generator)


def asked(lm: TokenLM, frames: int, *, label: str | None = "pistons", settings: tuple[str, ...] = ()) -> Condition:
    parsed = [parse_setting(text) for text in settings]
    seconds = (frames - 0.5) / lm.spec.frame_rate
    return condition(lm.schema, label=label, settings=parsed, seconds=seconds, frame_rate=lm.spec.frame_rate)


def mixed(lm: TokenLM, frames: int) -> Condition:
    return batch_conditions(
        [
            asked(lm, frames, settings=("rate=2:9",)),
            asked(lm, frames, label="rain"),
            asked(lm, frames, label=None),
        ]
    )


def test_logits_are_one_number_for_every_code_of_every_frame(lm: TokenLM) -> None:
    found = lm.logits(codes_of(lm, 3, 13), mixed(lm, 13))
    assert found.shape == (3, lm.spec.codebooks, 13, lm.spec.vocab)
    assert found.isfinite().all()


def test_later_codes_never_change_earlier_logits(lm: TokenLM) -> None:
    codes = codes_of(lm, 2, 17)
    other = codes.clone()
    other[:, :, 9:] = (other[:, :, 9:] + 1) % lm.spec.vocab
    nothing = Condition.empty(2, 1, len(lm.schema.parameters))
    assert torch.equal(lm.logits(codes, nothing)[:, :, :9], lm.logits(other, nothing)[:, :, :9])


def test_an_item_alone_equals_the_item_in_any_batch(lm: TokenLM) -> None:
    codes, told = codes_of(lm, 3, 11), mixed(lm, 11)
    together = lm.logits(codes, told)
    for order in ([0, 1, 2], [2, 0, 1]):
        index = torch.tensor(order)
        torch.testing.assert_close(lm.logits(codes[index], told.rows(index)), together[index], rtol=0, atol=1e-5)
    alone = lm.logits(codes[1:2], told.rows(torch.tensor([1])))
    torch.testing.assert_close(alone, together[1:2], rtol=0, atol=1e-5)


@pytest.mark.parametrize("block", [1, 3, 10**9])
def test_cached_equals_uncached(lm: TokenLM, block: int) -> None:
    codes, pattern, codebooks = codes_of(lm, 2, 16), find_pattern(lm.pattern), lm.spec.codebooks
    rows = torch.nn.functional.pad(pattern.rows(codes, lm.spec.vocab), (1, 0), value=lm.spec.vocab)[:, :, :-1]
    stepper = lm.stepper(2)
    guesses = [
        stepper.step(part, Condition.empty(2, part.shape[2], len(lm.schema.parameters)))
        for part in rows.split(block, dim=2)
    ]
    places = pattern.positions(codebooks, 16)
    found = torch.cat(guesses, dim=2)[:, torch.arange(codebooks)[:, None], places]
    whole = lm.logits(codes, Condition.empty(2, 1, len(lm.schema.parameters)))
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-5)


def test_the_same_seed_gives_the_same_codes_in_any_company(lm: TokenLM) -> None:
    told = asked(lm, 12, settings=("rate=3",))
    together = generate(lm, told, sampling=Sampling(), seeds=range(8))
    alone = generate(lm, told, sampling=Sampling(), seeds=[3])
    assert torch.equal(together[3:4], alone)
    assert not torch.equal(together[2], together[3])


def test_a_longer_sound_begins_with_the_shorter(lm: TokenLM) -> None:
    short, long = (generate(lm, asked(lm, frames), sampling=Sampling(), seeds=[5]) for frames in (6, 15))
    assert torch.equal(long[:, :, :6], short)


def test_a_prompt_is_kept_and_foreign_prompts_are_refused(lm: TokenLM) -> None:
    codes = codes_of(lm, 1, 4)
    prompt = Tokens(codes, lm.spec, torch.tensor([4 * lm.spec.hop]))
    found = generate(lm, asked(lm, 5), sampling=Sampling(), seeds=[0], prompt=prompt)
    assert found.shape[2] == 9 and torch.equal(found[:, :, :4], codes)
    foreign = Tokens(codes, dataclasses.replace(lm.spec, tokenizer="0" * 64), prompt.lengths)
    with pytest.raises(SpecError, match="found 000000000000"):
        generate(lm, asked(lm, 5), sampling=Sampling(), seeds=[0], prompt=foreign)


def test_unknown_labels_and_parameters_are_refused_naming_the_nearest(lm: TokenLM) -> None:
    with pytest.raises(ParameterError, match="did you mean 'pistons'"):
        asked(lm, 5, label="pistns")
    with pytest.raises(ParameterError, match="did you mean 'rate'"):
        asked(lm, 5, settings=("rte=4",))
    with pytest.raises(ParameterError, match="outside"):
        asked(lm, 5, settings=("rate=1e6",))


def test_codes_out_of_range_or_of_other_shape_are_refused(lm: TokenLM) -> None:
    nothing = Condition.empty(1, 1, len(lm.schema.parameters))
    for wrong in (-1, lm.spec.vocab + 1):
        codes = codes_of(lm, 1, 3)
        codes[0, -1, 1] = wrong
        with pytest.raises(ParameterError):
            lm.logits(codes, nothing)
    with pytest.raises(ParameterError):
        lm.logits(torch.zeros(1, lm.spec.codebooks + 1, 3, dtype=torch.int64), nothing)


def test_what_is_loaded_again_is_the_same_model(lm: TokenLM, run: Path) -> None:
    again = load_lm(run)
    assert (again.spec, again.schema, again.pattern) == (lm.spec, lm.schema, lm.pattern)
    assert torch.equal(again.logits(codes_of(lm, 3, 9), mixed(lm, 9)), lm.logits(codes_of(lm, 3, 9), mixed(lm, 9)))
