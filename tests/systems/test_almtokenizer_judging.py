"""What the judges of the codec hear of a step, and when they learn."""

from typing import Any

import torch
from torch import Tensor

from smalti.systems.almtokenizer.judging import JudgeConfig, SoundAdversary
from smalti.train import Engine, EngineSettings

_SIZES: dict[str, Any] = {
    "kind": "mel",
    "hop_lengths": (32, 64),
    "n_fft": (128, 256),
    "win_lengths": (128, 256),
    "n_mels": 8,
    "filters": 2,
    "dilations": (1,),
}


def _adversary(**settings: Any) -> SoundAdversary:
    torch.manual_seed(0)
    engine = Engine(EngineSettings(accelerator="cpu", precision="32")).launch()
    return SoundAdversary(JudgeConfig(**_SIZES, **settings), engine=engine, sample_rate=8000, seed=5, clip=1.0)


def _sounds(seed: int, samples: int = 1600) -> Tensor:
    return 0.1 * torch.randn(3, samples, generator=torch.Generator().manual_seed(seed))


_ALL = torch.full((3,), 1600)


def _listen(adversary: SoundAdversary) -> list[Tensor]:
    """What is shown to the judges from now on."""
    shown: list[Tensor] = []
    adversary.adversary.discriminator.register_forward_pre_hook(lambda _, given: shown.append(given[0].detach()))
    return shown


def test_they_speak_from_their_start_and_learn_every_third_step_from_there() -> None:
    adversary = _adversary(start=2, every=3)
    assert [adversary.active(step) for step in range(4)] == [False, False, True, True]
    assert [step for step in range(12) if adversary.learning(step)] == [2, 5, 8, 11]
    before = [weight.clone() for weight in adversary.adversary.discriminator.parameters()]
    given = {"made": _sounds(1), "real": _sounds(2), "lengths": _ALL, "share": 1.0}
    assert adversary.learn(3, **given) == {}
    now = list(adversary.adversary.discriminator.parameters())
    assert all(torch.equal(old, new) for old, new in zip(before, now, strict=True))
    assert set(adversary.learn(5, **given)) == {"discriminator", "logits_real", "logits_made"}
    assert not all(torch.equal(old, new) for old, new in zip(before, now, strict=True))


def test_what_lies_behind_the_end_is_never_heard_and_never_pulled_at() -> None:
    adversary, lengths = _adversary(), torch.tensor([1600, 700, 1])
    shown, made = _listen(adversary), _sounds(1).requires_grad_()
    found = adversary.pull(0, made=made, real=_sounds(2), lengths=lengths)
    (found.adversarial + found.features).backward()
    inside = torch.arange(1600) < lengths[:, None]
    assert all(bool((sounds[~inside] == 0).all()) for sounds in shown) and len(shown) == 2
    assert made.grad is not None and bool((made.grad[~inside] == 0).all()) and bool((made.grad[:, 0] != 0).all())


def test_a_crop_is_the_same_of_both_and_moves_from_step_to_step() -> None:
    adversary, counted = _adversary(seconds=0.05), torch.arange(4800.0).view(3, 1600)
    shown = _listen(adversary)
    for step in (0, 0, 1):
        adversary.pull(step, made=counted, real=counted, lengths=torch.tensor([1600, 500, 1600]))
    assert all(sounds.shape == (3, 400) for sounds in shown)
    assert torch.equal(shown[0], shown[1]) and torch.equal(shown[0], shown[2])
    assert not torch.equal(shown[0], shown[4])
    assert all(1600 <= float(sounds[1].max()) < 1600 + 500 for sounds in shown)
    assert bool((shown[0].diff(dim=1) == 1)[[0, 2]].all())


def test_nobody_weighing_features_saves_a_pass() -> None:
    adversary = _adversary()
    shown = _listen(adversary)
    assert adversary.pull(0, made=_sounds(1), real=_sounds(2), lengths=_ALL, features=False).features == 0
    assert len(shown) == 1


def test_they_learn_to_tell_noise_from_tones() -> None:
    adversary = _adversary(seconds=0.1)
    tone = torch.sin(torch.arange(1600) * 0.3).expand(3, -1)
    for step in range(80):
        found = adversary.learn(step, made=_sounds(step), real=tone, lengths=_ALL, share=100.0)
    assert found["logits_real"] > 0.3 > -0.3 > found["logits_made"]


def test_another_that_takes_over_goes_on_bit_for_bit() -> None:
    unbroken, first = _adversary(seconds=0.1), _adversary(seconds=0.1)

    def learn(adversary: SoundAdversary, steps: range) -> None:
        for step in steps:
            adversary.learn(step, made=_sounds(step), real=_sounds(step + 50), lengths=_ALL, share=1.0)

    learn(unbroken, range(4))
    learn(first, range(2))
    second = _adversary(seconds=0.1)
    second.load_state_dict(first.state_dict())
    learn(second, range(2, 4))
    states = (each.adversary.discriminator.state_dict() for each in (unbroken, second))
    assert all(torch.equal(one, other) for one, other in zip(*(state.values() for state in states), strict=True))
