"""Laws of filling: few passes, the schedule of the paper, kept codes kept, seeds per row, windows for any length."""

import dataclasses

import pytest
import torch

from smalti.core import Condition, ParameterError, Schema, SpecError, Tokens, TokenSpec
from smalti.generate import Filling, Sampling, generate_masked, inpaint
from smalti.generate.masked import next_window

SPEC = TokenSpec(sample_rate=8000, hop=100, codebooks=2, vocab=7, tokenizer="toy")


class Counter:
    """Knows that codes count up over time, from whatever it is told; one label counts by 1, the other by 2."""

    spec, schema, window = SPEC, Schema(("one", "two")), 8

    def __init__(self) -> None:
        self.heard: list[torch.Tensor] = []

    def fill(self, codes: torch.Tensor, condition: Condition, frames: torch.Tensor | None = None) -> torch.Tensor:
        assert codes.shape[2] <= self.window
        self.heard.append(codes.clone())
        steps = torch.where(condition.labels[:, :1] == 1, 2, 1) * torch.arange(codes.shape[2])
        start = torch.zeros(len(codes), 1, dtype=torch.int64)
        for row, each in enumerate(codes):
            known = (each[0] != SPEC.vocab).nonzero().flatten()
            if len(known):
                start[row] = each[0, known[0]] - steps[row, known[0]]
        wanted = torch.stack([(start + steps) % 7, (start + steps + 3) % 7], dim=1)
        return 12.0 * torch.nn.functional.one_hot(wanted, SPEC.vocab).float()


class Noise(Counter):
    """Expects everything a little differently in every cell; what it hears does not matter."""

    def fill(self, codes: torch.Tensor, condition: Condition, frames: torch.Tensor | None = None) -> torch.Tensor:
        self.heard.append(codes.clone())
        generator = torch.Generator().manual_seed(9)
        return torch.randn(1, *codes.shape[1:], SPEC.vocab, generator=generator).expand(len(codes), -1, -1, -1)


def told(frames: int, label: int = 0) -> Condition:
    return Condition(torch.full((1, frames), label), torch.zeros(1, frames, 0))


def tokens(codes: torch.Tensor) -> Tokens:
    return Tokens(codes, SPEC, torch.full((len(codes),), codes.shape[2] * SPEC.hop))


def counted(frames: int) -> torch.Tensor:
    return torch.stack([torch.arange(frames) % 7, (torch.arange(frames) + 3) % 7])[None]


@pytest.mark.parametrize("passes", [1, 4, 16])
def test_a_window_takes_exactly_the_passes_that_are_asked_for(passes: int):
    lm = Noise()
    found = generate_masked(lm, told(8), sampling=Sampling(filling=Filling(passes=passes)), seeds=[0, 1])
    assert len(lm.heard) == passes <= 16
    assert found.shape == (2, 2, 8) and int(found.max()) < SPEC.vocab


def test_sixteen_passes_are_enough_unless_more_are_asked_for():
    lm = Noise()
    generate_masked(lm, told(8), sampling=Sampling(guidance=2.0), seeds=[0])
    assert len(lm.heard) == 16


def test_blanks_become_fewer_as_the_cosine_says():
    lm = Noise()
    generate_masked(lm, told(5), sampling=Sampling(filling=Filling(passes=4)), seeds=[0])
    assert [int((heard == SPEC.vocab).sum()) for heard in lm.heard] == [10, 9, 7, 3]


def test_a_code_once_kept_stays():
    lm = Noise()
    found = generate_masked(lm, told(8), sampling=Sampling(filling=Filling(passes=6)), seeds=[3])
    for heard in lm.heard:
        kept = heard != SPEC.vocab
        assert torch.equal(heard[kept], found[kept])


def test_the_same_seed_gives_the_same_codes_in_any_company():
    together = generate_masked(Noise(), told(11), sampling=Sampling(), seeds=range(5))
    alone = generate_masked(Noise(), told(11), sampling=Sampling(), seeds=[3])
    assert torch.equal(together[3:4], alone)
    assert not torch.equal(together[2], together[3])


@pytest.mark.parametrize("gap", [slice(0, 3), slice(6, 8), slice(2, 13), slice(17, 19)])
def test_outside_a_gap_every_code_is_kept_and_both_sides_are_heard(gap: slice):
    lm = Counter()
    sound = counted(19)
    sound[:, :, gap] = 5
    found = inpaint(lm, tokens(sound), told(1), frames=gap, sampling=Sampling(), seeds=[0, 1])
    assert torch.equal(found, counted(19).expand(2, -1, -1))
    if gap == slice(6, 8):
        assert len(lm.heard) == 16 and (lm.heard[0][:, :, [0, -1]] != SPEC.vocab).all()


def test_long_sounds_are_made_in_windows_that_hear_what_came_before():
    lm = Counter()
    prompt = tokens(counted(3))
    found = generate_masked(lm, told(20), sampling=Sampling(filling=Filling(passes=2)), seeds=[0], prompt=prompt)
    assert torch.equal(found, counted(23))
    assert len(lm.heard) == 2 * 5  # 3 known of 8, then 4 each: 5 + 4 + 4 + 4 + 3


def test_what_is_asked_is_heard():
    found = generate_masked(Counter(), told(8, label=1), sampling=Sampling(), seeds=[0])
    assert ((found[0, 0, 1:] - found[0, 0, :-1]) % 7 == 2).all()


def test_windows_lie_around_short_gaps_and_behind_what_is_known():
    def window(text: str) -> tuple[int, int]:
        found = next_window(torch.tensor([c == "?" for c in text]), size=8, overlap=0.5)
        return found.start, found.stop

    assert window("aaaa????bbbb") == (2, 10)
    assert window("aaaa????????") == (0, 8)
    assert window("????????????") == (0, 8)
    assert window("aaaaaaaa????") == (4, 12)
    assert window("a??b") == (0, 4)
    assert window("aaaaaaaaaaaa??a?") == (8, 16)


def test_what_cannot_be_filled_is_refused_before_the_model_is_called():
    lm, sound = Noise(), tokens(counted(6))
    foreign = Tokens(sound.codes, dataclasses.replace(SPEC, tokenizer="0" * 64), sound.lengths)
    with pytest.raises(SpecError, match="found 000000000000"):
        inpaint(lm, foreign, told(1), frames=slice(1, 2), sampling=Sampling(), seeds=[0])
    for wrong in (slice(2, 2), slice(-1, 3), slice(4, 7)):
        with pytest.raises(ParameterError, match="choose one inside"):
            inpaint(lm, sound, told(1), frames=wrong, sampling=Sampling(), seeds=[0])
    with pytest.raises(ParameterError, match="label positions"):
        generate_masked(lm, told(4, label=2), sampling=Sampling(), seeds=[0])
    with pytest.raises(ParameterError, match="no frame"):
        generate_masked(lm, told(0), sampling=Sampling(), seeds=[0])
    with pytest.raises(ParameterError, match="wanted 1 or 3 rows"):
        generate_masked(lm, Condition.empty(2, 4, 0), sampling=Sampling(), seeds=[0, 1, 2])
    for fields in ({"passes": 0}, {"noise": -1.0}, {"overlap": 1.0}):
        with pytest.raises(ParameterError, match="cannot be done"):
            Filling(**fields)
    assert not lm.heard
