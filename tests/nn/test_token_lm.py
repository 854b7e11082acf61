"""Laws of the token language model: causal, exactly banded, cached = uncached, and rows that never meet."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.core import Condition, Parameter, ParameterError, Schema, TokenLM, TokenSpec
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings
from smalti.patterns import PATTERNS

SPEC = TokenSpec(sample_rate=8000, hop=100, codebooks=3, vocab=11, tokenizer="toy")
SCHEMA = Schema(("rain", "wind"), (Parameter(name="rate", label="rain"), Parameter(name="force", label="wind")))
WINDOW = 5


def _model(pattern: str = "delay", *, schema: Schema = SCHEMA, modulation: str = "adaln", layers: int = 2):
    torch.manual_seed(3)
    sizes = TransformerSettings(
        width=16, layers=layers, heads=2, window=WINDOW, condition_width=12, modulation=modulation, dropout=0.2
    )
    model = TokenTransformer(spec=SPEC, schema=schema, pattern=pattern, transformer=sizes, depth_width=12).eval()
    for weight in model.parameters():  # adaLN starts closed; open it so that there is something to see
        torch.nn.init.normal_(weight, std=0.3)
    return model


def _codes(batch: int = 2, frames: int = 17, seed: int = 5) -> torch.Tensor:
    return torch.randint(SPEC.vocab, (batch, 3, frames), generator=torch.Generator().manual_seed(seed))


def _condition(batch: int = 2, frames: int = 17, seed: int = 6) -> Condition:
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(batch, frames, 2, generator=generator)
    values[torch.rand(batch, frames, 2, generator=generator) < 0.3] = math.nan
    return Condition(torch.randint(-1, 2, (batch, frames), generator=generator), values)


def _rows(model: TokenTransformer, codes: torch.Tensor, condition: Condition) -> tuple[torch.Tensor, Condition]:
    """What a stepper hears to give the logits of these codes."""
    pattern = PATTERNS[model.pattern]
    rows = torch.nn.functional.pad(pattern.rows(codes, SPEC.vocab), (1, 0), value=SPEC.vocab)[:, :, :-1]
    newest = pattern.newest_frames(3, codes.shape[2])
    return rows, Condition(condition.labels[:, newest], condition.values[:, newest])


def _in_codes(model: TokenTransformer, guesses: torch.Tensor, frames: int) -> torch.Tensor:
    places = PATTERNS[model.pattern].positions(3, frames)
    return guesses[:, torch.arange(3)[:, None], places]


def _stepped(model: TokenTransformer, codes: torch.Tensor, condition: Condition) -> torch.Tensor:
    """Logits of all codes, row by row."""
    rows, asked = _rows(model, codes, condition)
    stepper, count = model.stepper(len(codes)), rows.shape[2]
    guesses = [stepper.step(rows[:, :, i : i + 1], asked.at(slice(i, i + 1))) for i in range(count)]
    return _in_codes(model, torch.cat(guesses, 2), codes.shape[2])


@torch.no_grad()
@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_a_later_code_never_changes_an_earlier_guess(pattern: str):
    model, codes, condition = _model(pattern), _codes(), _condition()
    before = model.logits(codes, condition)
    changed = codes.clone()
    changed[:, 1, 9] = (changed[:, 1, 9] + 1) % SPEC.vocab
    moved = (model.logits(changed, condition) != before).any(-1).any(0)
    places = PATTERNS[pattern].positions(3, 17)
    assert moved.any()
    assert not moved[places <= places[1, 9]].any()


@torch.no_grad()
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_a_guess_reaches_back_exactly_as_far_as_it_says_whole_and_step_by_step(pattern: str, layers: int):
    frames, model = 23, _model(pattern, layers=layers)
    codes, condition = _codes(frames=frames), _condition(frames=frames)
    changed = codes.clone()
    changed[:, 1, 2] = (changed[:, 1, 2] + 1) % SPEC.vocab
    places, reach = PATTERNS[pattern].positions(3, frames), model.transformer.settings.reach
    later = places - places[1, 2]
    wanted = (later > 0) & (later <= reach)
    if pattern == "depth":  # whose window is one of frames, beside the codes below in the same one
        gone = torch.arange(frames) - 2
        wanted = (later > 0) & (gone <= reach)
    whole = model.logits(codes, condition) != model.logits(changed, condition)
    assert torch.equal(whole.any(-1).any(0), wanted)
    stepped = _stepped(model, codes, condition) != _stepped(model, changed, condition)
    assert torch.equal(stepped.any(-1).any(0), wanted)


@torch.no_grad()
def test_a_later_condition_never_changes_an_earlier_guess():
    model, codes, condition = _model("delay"), _codes(), _condition()
    before = model.logits(codes, condition)
    values = condition.values.clone()
    values[:, 8:] = 0.5
    after = model.logits(codes, Condition(condition.labels, values))
    moved = (after != before).any(-1).any(0)
    assert not moved[:, :6].any()
    assert moved[0, 8]


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(sorted(PATTERNS)), st.lists(st.integers(1, 14), min_size=1, max_size=20), st.integers(0, 99))
def test_any_chunking_equals_the_whole(pattern: str, chunks: list[int], seed: int):
    model, codes, condition = _model(pattern), _codes(seed=seed), _condition(seed=seed)
    rows, asked = _rows(model, codes, condition)
    stepper, guesses, start = model.stepper(2), [], 0
    for size in [*chunks, rows.shape[2]]:
        piece = slice(start, start + size)
        if rows[:, :, piece].shape[2]:
            guesses.append(stepper.step(rows[:, :, piece], asked.at(piece)))
        start += size
    stepped = _in_codes(model, torch.cat(guesses, 2), 17)
    assert (stepped - model.logits(codes, condition).detach()).abs().max() < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_a_reset_row_starts_again_and_the_others_go_on(pattern: str):
    model = _model(pattern)
    rows, asked = _rows(model, _codes(3, 17), _condition(3, 17))
    again, asked_again = _rows(model, _codes(3, 17, seed=8), _condition(3, 17, seed=9))
    stepper = model.stepper(3)
    stepper.step(rows[:, :, :8], asked.at(slice(0, 8)))
    stepper.reset(torch.tensor([1]))
    mixed = torch.stack([rows[0, :, 8:15], again[1, :, :7], rows[2, :, 8:15]])
    labels = torch.stack([asked.labels[0, 8:15], asked_again.labels[1, :7], asked.labels[2, 8:15]])
    values = torch.stack([asked.values[0, 8:15], asked_again.values[1, :7], asked.values[2, 8:15]])
    found = torch.cat(
        [stepper.step(mixed[:, :, i : i + 1], Condition(labels, values).at(slice(i, i + 1))) for i in range(7)], 2
    )
    whole = model.stepper(3).step(rows, asked)
    assert (found[[0, 2]] - whole[[0, 2], :, 8:15]).abs().max() < 1e-5
    assert (found[1] - model.stepper(3).step(again, asked_again)[1, :, :7]).abs().max() < 1e-5


@settings(deadline=None, max_examples=16)
@given(
    st.sampled_from(sorted(PATTERNS)),
    st.lists(st.tuples(st.integers(1, 7), st.sets(st.integers(0, 2))), min_size=2, max_size=6),
    st.integers(0, 99),
)
def test_histories_that_start_again_at_any_time_are_what_they_are_alone(
    pattern: str, moves: list[tuple[int, set[int]]], seed: int
):
    model, clips = _model(pattern), 3 + 3 * len(moves)
    rows, asked = _rows(model, _codes(clips, 42, seed), _condition(clips, 42, seed))
    alone = model.stepper(clips).step(rows, asked)
    stepper, heard, places = model.stepper(3), [0, 1, 2], [0, 0, 0]
    for size, again in moves:
        stepper.reset(torch.tensor(sorted(again), dtype=torch.int64))
        for row in again:
            heard[row], places[row] = heard[row] + 3, 0
        parts = [(clip, slice(place, place + size)) for clip, place in zip(heard, places, strict=True)]
        labels, values = (
            torch.stack([each[clip, part] for clip, part in parts]) for each in (asked.labels, asked.values)
        )
        found = stepper.step(torch.stack([rows[clip, :, part] for clip, part in parts]), Condition(labels, values))
        wanted = torch.stack([alone[clip, :, part] for clip, part in parts])
        assert (found - wanted).abs().max() < 1e-5
        places = [place + size for place in places]


@torch.no_grad()
@pytest.mark.parametrize("pattern", sorted(PATTERNS))
@pytest.mark.parametrize("offset", [1_000, 1_000_000, 10_000_000_000])
def test_only_distances_count_never_positions(pattern: str, offset: int):
    model, frames = _model(pattern), 17
    rows, asked = _rows(model, _codes(), _condition())
    near, far = model.stepper(2), model.stepper(2)
    far._listener.cache.offsets += offset
    difference = (_in_codes(model, near.step(rows, asked) - far.step(rows, asked), frames)).abs().amax((0, 3))
    settings = model.transformer.settings
    beyond = PATTERNS[pattern].positions(3, frames) >= settings.reach * (3 if pattern == "depth" else 1)
    assert beyond.any() and difference[beyond].max() < 1e-3


@torch.no_grad()
@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_rows_of_a_batch_never_meet(pattern: str):
    model, codes, condition = _model(pattern), _codes(4), _condition(4)
    together = model.logits(codes, condition)
    for row in range(4):
        alone = model.logits(codes[row : row + 1], condition.rows(torch.tensor([row])))
        assert (together[row] - alone[0]).abs().max() < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_padding_with_blanks_changes_nothing(pattern: str):
    model, codes, condition = _model(pattern), _codes(2, 17), _condition(2, 17)
    padded = codes.clone()
    padded[1, :, 9:] = SPEC.vocab
    condition.labels[1, 9:] = condition.labels[1, 8]
    condition.values[1, 9:] = condition.values[1, 8]
    alone = model.logits(codes[1:, :, :9], condition.rows(torch.tensor([1])).at(slice(0, 9)))
    assert (model.logits(padded, condition)[1:, :, :9] - alone).abs().max() < 1e-5


@torch.no_grad()
def test_a_condition_of_one_frame_holds_for_all():
    model, codes = _model(), _codes()
    one = _condition(2, 1)
    every = Condition(one.labels.expand(2, 17).clone(), one.values.expand(2, 17, 2).clone())
    assert (model.logits(codes, one) - model.logits(codes, every)).abs().max() < 1e-5


@torch.no_grad()
def test_conditions_are_heard_and_absent_is_a_value_of_its_own():
    model, codes = _model(), _codes()
    empty, zero = Condition.empty(2, 17, 2), Condition(torch.full((2, 17), -1), torch.zeros(2, 17, 2))
    label = Condition(torch.zeros(2, 17, dtype=torch.int64), empty.values)
    base = model.logits(codes, empty)
    assert (model.logits(codes, zero) - base).abs().max() > 1e-3
    assert (model.logits(codes, label) - base).abs().max() > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("modulation", ["adaln", "film"])
def test_a_fresh_model_ignores_conditions_and_guesses_evenly(modulation: str):
    torch.manual_seed(1)
    sizes = TransformerSettings(width=16, layers=2, heads=2, window=WINDOW, condition_width=12, modulation=modulation)
    model = TokenTransformer(spec=SPEC, schema=SCHEMA, pattern="delay", transformer=sizes).eval()
    first, second = (model.logits(_codes(), _condition(seed=seed)) for seed in (1, 2))
    assert torch.equal(first, second)
    loss = torch.nn.functional.cross_entropy(first.flatten(0, 2), _codes().flatten())
    assert abs(loss - math.log(SPEC.vocab)) < 0.3


def test_gradients_reach_every_weight():
    model = _model("delay").train()
    loss = torch.nn.functional.cross_entropy(model.logits(_codes(), _condition()).flatten(0, 2), _codes().flatten())
    loss.backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


def test_the_model_has_the_abilities_of_a_token_lm():
    assert isinstance(_model(), TokenLM)


def test_a_model_without_labels_and_parameters_works():
    model = _model(schema=Schema())
    assert model.logits(_codes(), Condition.empty(2, 17, 0)).shape == (2, 3, 17, 11)


def test_what_does_not_fit_is_refused_before_any_layer_runs():
    model, codes, condition = _model(), _codes(), _condition()
    label, values = condition.labels.clone(), condition.values.clone()
    label[0, 0], values[0, 0, 0] = 2, 1.5
    wrong = [
        (codes[:, :2], condition, "2 codebooks, this model 3"),
        (codes + 2, condition, "never clamped"),
        (codes, condition.at(slice(0, 5)), "wanted"),
        (codes, Condition(label, condition.values), "label positions"),
        (codes, Condition(condition.labels, values), "outside 0…1"),
        (codes, Condition.empty(2, 17, 3), "3 parameters, this model 2"),
    ]
    for given_codes, given_condition, words in wrong:
        with pytest.raises(ParameterError, match=words):
            model.logits(given_codes, given_condition)
    with pytest.raises(ParameterError, match="wanted evaluation"):
        model.train().stepper(1)


@pytest.mark.parametrize("what", ["label", "parameter"])
def test_a_tiny_model_learns_what_it_is_told(what: str):
    """A counter that goes up or down by a step that only the condition knows."""
    torch.manual_seed(0)
    spec = TokenSpec(sample_rate=8000, hop=100, codebooks=2, vocab=8, tokenizer="toy")
    sizes = TransformerSettings(width=32, layers=2, heads=2, window=6, condition_width=16)
    schema = Schema(("up", "down"), (Parameter(name="step"),))
    model = TokenTransformer(spec=spec, schema=schema, pattern="delay", transformer=sizes)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ups = torch.tensor([0, 1]).repeat(16)
    start = torch.arange(32)[:, None] % 8
    count = (start + torch.where(ups == 0, 1, -1)[:, None] * torch.arange(12)) % 8
    codes = torch.stack([count, (count * 3) % 8], 1)
    condition = Condition.empty(32, 1, 1)
    if what == "label":
        condition.labels[:] = ups[:, None]
    else:
        condition.values[:, 0, 0] = ups * 0.5 + 0.25
    for _ in range(120):
        logits = model.logits(codes, condition)[:, :, 1:]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 2), codes[:, :, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.1


@torch.no_grad()
@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_no_steering_is_steering_by_nothing_bit_for_bit(pattern: str):
    model, codes, condition = _model(pattern), _codes(), _condition()
    plain = model.logits(codes, condition)
    assert torch.equal(model(codes, condition.labels, condition.values, torch.zeros(2, 12)), plain)
    steered = model(codes, condition.labels, condition.values, torch.ones(2, 12))
    assert (steered - plain).abs().amax((1, 3)).min() > 1e-3  # every frame of every item hears it


@torch.no_grad()
@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_a_steered_history_gives_the_steered_logits(pattern: str):
    model, codes, condition = _model(pattern), _codes(), _condition()
    steer = torch.randn(2, 12, generator=torch.Generator().manual_seed(7))
    rows, told = _rows(model, codes, condition)
    stepper = model.stepper(2, steer)
    found = torch.cat([stepper.step(rows[:, :, i : i + 1], told.at(slice(i, i + 1))) for i in range(rows.shape[2])], 2)
    whole = model(codes, condition.labels, condition.values, steer)
    torch.testing.assert_close(_in_codes(model, found, 17), whole, rtol=0, atol=1e-5)
