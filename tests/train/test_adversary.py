"""Laws of the adversarial step: who is frozen when, real and made in one pass, and exact resume."""

import torch
from torch import Tensor, nn

from smalti.nn.verdict import Verdict
from smalti.train import LEAST_SQUARES, Adversary, Engine, EngineSettings
from smalti.train.adversary import HINGE, Contest


class Judge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv1d(1, 3, 5), nn.Conv1d(3, 1, 3)
        self.passes = 0

    def forward(self, waves: Tensor) -> list[Verdict]:
        self.passes += 1
        heard = self.first(waves).relu()
        return [Verdict(self.last(heard), (heard,))]


def adversary(start: int = 0, contest: Contest = HINGE) -> Adversary:
    torch.manual_seed(0)
    engine = Engine(EngineSettings(accelerator="cpu", precision="32")).launch()
    return Adversary(Judge(), engine=engine, start=start, contest=contest)


def waves(seed: int) -> Tensor:
    return torch.randn(2, 1, 40, generator=torch.Generator().manual_seed(seed))


def test_the_maker_feels_the_judge_and_the_judge_does_not_feel_the_maker():
    judge, made = adversary(), waves(1).requires_grad_()
    pull = judge.losses(made, waves(2))
    (pull.adversarial + pull.features).backward()
    assert made.grad is not None and made.grad.abs().sum() > 0
    assert all(weight.grad is None and weight.requires_grad for weight in judge.discriminator.parameters())


def test_features_that_nobody_weighs_cost_no_pass_and_change_no_score():
    judge, made = adversary(), waves(1)
    alone = judge.losses(made, None)
    assert judge.discriminator.passes == 1 and float(alone.features) == 0
    assert torch.equal(judge.losses(made, waves(2)).adversarial, alone.adversarial)


def test_the_judge_learns_in_one_pass_and_leaves_the_maker_alone():
    judge, made = adversary(), waves(1).requires_grad_()
    before = [weight.clone() for weight in judge.discriminator.parameters()]
    found = judge.learn(made, waves(2), rate=1e-2)
    assert made.grad is None and judge.discriminator.passes == 1
    assert any(not torch.equal(a, b) for a, b in zip(before, judge.discriminator.parameters(), strict=True))
    assert set(found) == {"discriminator", "logits_real", "logits_made"}


def test_it_learns_to_tell_two_kinds_apart():
    judge = adversary()
    for step in range(60):
        found = judge.learn(0.1 * waves(step), waves(step + 1000), rate=1e-2)
    assert found["logits_real"] > 0.5 > -0.5 > found["logits_made"]


def test_a_contest_of_squares_pulls_scores_to_one_and_to_nothing():
    judge = adversary(contest=LEAST_SQUARES)
    for step in range(200):
        found = judge.learn(0.1 * waves(step), waves(step + 1000), rate=1e-2)
    assert abs(found["logits_real"] - 1) < 0.4 and abs(found["logits_made"]) < 0.2
    made = 0.1 * waves(7)
    score = judge.discriminator(made)[0].score
    torch.testing.assert_close(judge.losses(made, None).adversarial, (1 - score).square().mean())


def test_it_takes_part_from_its_start_on():
    assert [adversary(start=3).active(step) for step in range(5)] == [False, False, False, True, True]


def test_a_resumed_judge_goes_on_bit_for_bit():
    unbroken, first = adversary(), adversary()
    for step in range(4):
        unbroken.learn(waves(step), waves(step + 9), rate=1e-3)
    for step in range(2):
        first.learn(waves(step), waves(step + 9), rate=1e-3)
    second = adversary()
    second.load_state_dict(first.state_dict())
    for step in range(2, 4):
        second.learn(waves(step), waves(step + 9), rate=1e-3)
    states = (unbroken.discriminator.state_dict(), second.discriminator.state_dict())
    assert all(torch.equal(states[0][name], value) for name, value in states[1].items())
