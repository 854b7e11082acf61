"""The loop over any language model: rows alone or together, prompts kept, sounds that are prefixes of longer ones."""

from itertools import islice

import pytest
import torch

from smalti.core import Condition, Parameter, ParameterError, Schema, SpecError, Tokens, TokenSpec
from smalti.generate import Sampling, generate, stream
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings
from smalti.patterns import PATTERNS

SPEC = TokenSpec(sample_rate=8000, hop=100, codebooks=3, vocab=11, tokenizer="toy")
SCHEMA = Schema(("rain", "wind"), (Parameter(name="rate"),))
PLAIN = Sampling(top_p=1)


class CountingLM:
    """Any language model will do: this one always wants code (row + codebook) mod V, and notes what it hears."""

    def __init__(self, pattern: str):
        self.spec, self.schema, self.pattern = SPEC, SCHEMA, pattern
        self.heard: list[torch.Tensor] = []
        self.asked: list[Condition] = []
        self.steppers: list[int] = []

    def logits(self, codes: torch.Tensor, condition: Condition) -> torch.Tensor:
        raise AssertionError("the loop only steps")

    def stepper(self, batch: int) -> "CountingLM":
        self.steppers.append(batch)
        return self

    def step(self, rows: torch.Tensor, condition: Condition) -> torch.Tensor:
        self.heard.append(rows)
        self.asked.append(condition)
        end = sum(each.shape[2] for each in self.heard)
        wanted = torch.arange(end - rows.shape[2], end) + torch.arange(3)[:, None]
        return torch.nn.functional.one_hot(wanted % 11, 11).float().expand(rows.shape[0], -1, -1, -1) * 100

    def reset(self, rows: torch.Tensor) -> None:
        raise AssertionError("the loop never resets")


def _model(pattern: str = "delay") -> TokenTransformer:
    torch.manual_seed(3)
    sizes = TransformerSettings(width=16, layers=2, heads=2, window=5, condition_width=12)
    model = TokenTransformer(spec=SPEC, schema=SCHEMA, pattern=pattern, transformer=sizes, depth_width=12).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return model


def _condition(batch: int, frames: int) -> Condition:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(-1, 2, (batch, frames), generator=generator)
    return Condition(labels, torch.rand(batch, frames, 1, generator=generator))


def _prompt(batch: int, frames: int) -> Tokens:
    codes = torch.randint(11, (batch, 3, frames), generator=torch.Generator().manual_seed(2))
    return Tokens(codes, SPEC, torch.full((batch,), frames * SPEC.hop))


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
@pytest.mark.parametrize("known", [0, 1, 4])
def test_what_the_model_hears_is_its_own_codes_in_its_pattern(pattern: str, known: int):
    lm, layout = CountingLM(pattern), PATTERNS[pattern]
    codes = generate(lm, _condition(2, 6), sampling=PLAIN, seeds=[0, 1], prompt=_prompt(2, known) if known else None)
    assert codes.shape == (2, 3, known + 6)
    rows = layout.rows(codes, 11)
    heard = torch.cat(lm.heard, 2)
    assert heard[:, :, 0].eq(11).all()
    whole = layout.stride(3) * (known + 6)  # rows behind that hold codes of frames that were not asked for
    assert torch.equal(heard[:, :, 1:whole], rows[:, :, 1 - 1 : whole - 1])
    wanted = (layout.positions(3, known + 6) + torch.arange(3)[:, None]) % 11
    assert torch.equal(codes[:, :, known:], wanted[:, known:].expand(2, -1, -1))


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_each_row_is_guessed_under_the_condition_of_its_newest_frame(pattern: str):
    lm, layout, asked = CountingLM(pattern), PATTERNS[pattern], _condition(2, 6)
    generate(lm, asked, sampling=PLAIN, seeds=[0, 1], prompt=_prompt(1, 2))
    told = torch.cat([each.values for each in lm.asked], 1)
    frames = (torch.arange(told.shape[1]) // layout.stride(3) - 2).clamp(0, 5)
    assert torch.equal(told, asked.values[:, frames])


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_a_row_of_a_batch_is_what_it_is_alone(pattern: str):
    model, asked = _model(pattern), _condition(8, 40)
    together = generate(model, asked, sampling=Sampling(), seeds=list(range(8)))
    alone = generate(model, asked.rows(torch.tensor([3])), sampling=Sampling(), seeds=[3])
    assert torch.equal(together[3], alone[0])
    assert len({tuple(row.flatten().tolist()) for row in together}) == 8


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_a_shorter_sound_is_the_beginning_of_a_longer_one(pattern: str):
    model, asked = _model(pattern), _condition(2, 20)
    asked.values[:, 8:], asked.labels[:, 8:] = asked.values[:, 8:9], asked.labels[:, 8:9]  # held behind frame 8
    longer = generate(model, asked, sampling=PLAIN, seeds=[5, 6])
    assert torch.equal(generate(model, asked.at(slice(0, 9)), sampling=PLAIN, seeds=[5, 6]), longer[:, :, :9])
    frames = stream(model, lambda t: asked.at(slice(t, t + 1)), sampling=PLAIN, seeds=[5, 6], last=19)
    assert torch.equal(torch.stack(list(islice(frames, 20)), 2), longer)


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_stepping_chooses_what_the_whole_model_would(pattern: str):
    model, asked = _model(pattern), _condition(2, 12)
    codes = generate(model, asked, sampling=Sampling(temperature=0), seeds=[0, 1])
    whole = model.logits(codes, asked).argmax(-1)
    reliable = 12 - PATTERNS[pattern].extra_rows(3)  # the whole model hears blanks behind the last frame
    assert torch.equal(whole[:, :, :reliable], codes[:, :, :reliable])


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
@pytest.mark.parametrize("rows", [1, 2])
def test_a_prompt_comes_first_unchanged_and_is_heard(pattern: str, rows: int):
    model, asked, prompt = _model(pattern), _condition(2, 7), _prompt(rows, 9)
    codes = generate(model, asked, sampling=PLAIN, seeds=[5, 6], prompt=prompt)
    assert torch.equal(codes[:, :, :9], prompt.codes.expand(2, -1, -1))
    changed = Tokens((prompt.codes + 1) % 11, SPEC, prompt.lengths)
    other = generate(model, asked, sampling=PLAIN, seeds=[5, 6], prompt=changed)
    assert not torch.equal(other[:, :, 9:], codes[:, :, 9:])


def test_guidance_of_one_is_plain_sampling_at_plain_cost():
    model, asked = _model(), _condition(3, 15)
    plain = generate(model, asked, sampling=PLAIN, seeds=[1, 2, 3])
    assert torch.equal(generate(model, asked, sampling=Sampling(top_p=1, guidance=1.0), seeds=[1, 2, 3]), plain)
    for guidance, wanted in ((1.0, 3), (1.5, 6)):
        lm = CountingLM("delay")
        generate(lm, asked, sampling=Sampling(guidance=guidance), seeds=[1, 2, 3])
        assert lm.steppers == [wanted]


def test_guidance_pushes_away_from_what_is_not_asked():
    model, asked = _model(), _condition(2, 15)
    plain, pushed = (generate(model, asked, sampling=Sampling(top_p=1, guidance=g), seeds=[1, 2]) for g in (1.0, 3.0))
    zero = generate(model, asked, sampling=Sampling(top_p=1, guidance=0), seeds=[1, 2])
    free = generate(model, Condition.empty(2, 15, 1), sampling=PLAIN, seeds=[1, 2])
    assert not torch.equal(plain, pushed)
    assert torch.equal(zero, free)


def test_what_does_not_fit_is_refused_before_the_model_is_called():
    lm, good = CountingLM("delay"), _condition(2, 4)
    other = TokenSpec(sample_rate=8000, hop=100, codebooks=3, vocab=11, tokenizer="other")
    cases = [
        (Condition(good.labels + 5, good.values), None, ParameterError, "label positions"),
        (good.rows(torch.tensor([0, 1, 0])), None, ParameterError, "wanted 1 or 2 rows"),
        (good.at(slice(0, 0)), None, ParameterError, "at least one"),
        (good, Tokens(_prompt(2, 3).codes, other, torch.tensor([300, 300])), SpecError, "another tokenizer"),
        (good, Tokens(_prompt(2, 3).codes, SPEC, torch.tensor([300, 100])), ParameterError, "one length"),
    ]
    for asked, prompt, error, words in cases:
        with pytest.raises(error, match=words):
            generate(lm, asked, sampling=PLAIN, seeds=[0, 1], prompt=prompt)
    assert lm.heard == []
