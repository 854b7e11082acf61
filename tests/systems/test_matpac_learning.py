"""What MATPAC learns with: what is hidden, how a run is laid out in steps, and where gradients and averages go."""

import math
from pathlib import Path
from typing import Literal

import pytest
import torch

from journey import TINY_MATPAC, TINY_MATPAC_PLUS
from smalti.config import load_settings
from smalti.systems import matpac as room
from smalti.systems.matpac import MatpacConfig
from smalti.systems.matpac.config import EncoderConfig, ModelConfig, PictureConfig
from smalti.systems.matpac.learning import LearningNet, Learnt
from smalti.systems.matpac.masking import shown_tokens, shuffled, take
from smalti.systems.matpac.monitor import CollapseAlarm, collapse_signs
from smalti.systems.matpac.plan import resolve
from smalti.systems.matpac.predictor import Predictor
from smalti.systems.matpac.pretraining import (
    ChoicesConfig,
    PredictorConfig,
    PrototypeConfig,
    TeacherConfig,
    TrainConfig,
)
from smalti.systems.matpac.prototypes import PrototypeHead

PRESETS = Path(room.__file__).parent / "presets"
MODEL = ModelConfig(
    picture=PictureConfig(bands=12),
    encoder=EncoderConfig(patch=(4, 5), chunk=35, width=24, layers=2, heads=3),
)
TOKENS, SHOWN = 21, 6


def _config(**parts: object) -> MatpacConfig:
    tiny: dict[str, object] = {
        "model": MODEL,
        "predictor": PredictorConfig(width=16, layers=1, heads=2),
        "prototypes": PrototypeConfig(prototypes=9, hidden=10, bottleneck=5),
        "choices": ChoicesConfig(heads=3),
    }
    return MatpacConfig(**{**tiny, **parts})  # pyright: ignore[reportArgumentType]


def _preset(name: str, overrides: tuple[str, ...] = ()) -> MatpacConfig:
    return load_settings(MatpacConfig, PRESETS / f"{name}.toml", overrides)


def _net(config: MatpacConfig) -> LearningNet:
    torch.manual_seed(0)
    return LearningNet(config)


def _learn(net: LearningNet, *, seed: int = 1, choice: float = 0.1) -> Learnt:
    generator = torch.Generator().manual_seed(seed)
    picture = torch.randn(4, 12, 35, generator=generator)
    order = torch.stack([shuffled(TOKENS, generator) for _ in range(4)])
    return net(picture, order, shown=SHOWN, teacher_temperature=0.05, choice_temperature=choice)


def test_the_published_share_shows_57_of_190_tokens_and_hides_133() -> None:
    assert shown_tokens(190, mask=0.7) == 57
    assert shown_tokens(24, mask=0.7) == 7
    assert [shown_tokens(10, mask=mask) for mask in (0.1, 0.3, 0.4, 0.9, 0.999, 0.001)] == [9, 7, 6, 1, 1, 9]


def test_shown_and_hidden_tokens_are_all_tokens_and_differ_from_crop_to_crop() -> None:
    first, second = (shuffled(TOKENS, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert sorted(first.tolist()) == list(range(TOKENS)) and not torch.equal(first, second)
    rows = torch.arange(2 * TOKENS * 3.0).view(2, TOKENS, 3)
    taken = take(rows, torch.stack([first, second]))
    assert torch.equal(taken[1, 4], rows[1, second[4]])


def test_the_papers_run_comes_to_its_published_steps() -> None:
    plan = resolve(_preset("parity"), samples=2_012_615, devices=8)
    assert plan.steps == 294_816
    assert plan.rate.warmup_steps == 19_654
    assert plan.teacher_temperature.warmup_steps == 9_827
    assert round(plan.choice.factor, 5) == 0.99997
    assert abs(plan.choice.steps - 230_255) < 10
    assert plan.choice.at(plan.choice.steps) == 0 < plan.choice.at(plan.choice.steps - 1)
    assert plan.choice.at(plan.choice.steps - 1) == pytest.approx(1e-4, rel=1e-3)
    assert plan.decay.at(0) == 0.99995 and plan.decay.at(294_815) == pytest.approx(0.99999)


def test_a_moment_is_a_share_of_the_run_or_steps() -> None:
    train = TrainConfig(steps=600, warmup=150)
    plan = resolve(_config(train=train, prototypes=PrototypeConfig(warmup=0.25)), samples=5)
    assert plan.rate.warmup_steps == plan.teacher_temperature.warmup_steps == 150
    assert resolve(_config(train=TrainConfig(steps=70, warmup=150)), samples=5).rate.warmup_steps == 70
    assert plan.table()["steps"] == "600"


def _trainable(config: MatpacConfig) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in LearningNet(config).learning())


def test_the_published_sizes_learn_the_published_numbers_of_parameters() -> None:
    gained = PrototypeConfig(gain=True)
    assert _trainable(MatpacConfig(prototypes=gained)) == pytest.approx(118.08e6, abs=5e3)
    unused = 512 * 768 + 768  # the single guess that published MATPAC++ keeps beside its five and never learns
    several = MatpacConfig(prototypes=gained, choices=ChoicesConfig(heads=5))
    assert _trainable(several) + unused == pytest.approx(120.05e6, abs=5e3)
    with torch.device("meta"):
        assert sum(weight.numel() for weight in PrototypeHead(gained, width=768).parameters()) == 6_822_144


@pytest.mark.parametrize("name", ["micro", "tiny", "small", "base", "base-plus", "parity"])
def test_presets_are_whole(name: str) -> None:
    config = _preset(name)
    with torch.device("meta"):
        LearningNet(config)
    assert resolve(config, samples=1000, devices=config.engine.devices).steps > 0


def test_the_micro_preset_learns_about_1_2_million_parameters() -> None:
    assert 1.1e6 < _trainable(_preset("micro")) < 1.3e6


@torch.no_grad()
def test_guesses_depend_on_where_a_token_lies_and_not_on_the_order_in_which_it_is_hidden() -> None:
    torch.manual_seed(0)
    predictor = Predictor(PredictorConfig(width=16, layers=2, heads=2), rows=3, width=24, choices=2).eval()
    seen = torch.randn(1, 1 + SHOWN, 24)  # a class token's row before them
    order = shuffled(TOKENS, torch.Generator().manual_seed(3))[None]
    again = torch.cat([order[:, :SHOWN], order[:, SHOWN:].flip(1)], dim=1)
    found = predictor(seen, order, shown=SHOWN)
    assert found.shape == (2, 1, TOKENS - SHOWN, 24)
    torch.testing.assert_close(predictor(seen, again, shown=SHOWN), found.flip(2))
    assert (found[0, 0, 0] - found[0, 0, 1]).abs().max() > 1e-3


def test_scores_are_cosines_and_a_gain_scales_them() -> None:
    torch.manual_seed(0)
    head = PrototypeHead(PrototypeConfig(prototypes=9, hidden=10, bottleneck=5, gain=True), width=24)
    rows = torch.randn(7, 24)
    plain = head(rows).detach()
    assert plain.shape == (7, 9) and plain.abs().max() <= 1
    assert head.gain is not None
    head.gain.data[4] = 3
    torch.testing.assert_close(head(rows)[:, 4], 3 * plain[:, 4])
    assert PrototypeHead(PrototypeConfig(prototypes=9, hidden=10, bottleneck=5), width=24).gain is None


@pytest.mark.parametrize("patches", ["own", "student"])
def test_every_part_learns_of_what_it_is_for_and_the_teacher_never_does(patches: str) -> None:
    net = _net(_config(teacher=TeacherConfig(patches=patches)))  # pyright: ignore[reportArgumentType]
    learnt = _learn(net, choice=1.0)
    learnt.prediction.backward(retain_graph=True)
    moved = {name for name, weight in net.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert {name.split(".")[0] for name in moved} == {"student", "predictor"}
    assert {f"predictor.guesses.{i}.weight" for i in range(3)} <= moved
    learnt.classification.backward()
    still = {name for name, weight in net.named_parameters() if weight.grad is None}
    assert still == {name for name, _ in net.named_parameters() if name.startswith("teacher")}


def test_first_losses_are_those_of_unrelated_vectors_and_of_as_many_prototypes() -> None:
    prototypes = PrototypeConfig(prototypes=256, hidden=32, bottleneck=16)
    learnt = _learn(_net(_config(choices=ChoicesConfig(), prototypes=prototypes)))
    assert float(learnt.prediction.detach()) == pytest.approx(2, abs=0.35)
    assert float(learnt.classification.detach()) == pytest.approx(math.log(256), rel=0.5)


@torch.no_grad()
def test_standardised_targets_have_no_common_vector() -> None:
    net = _net(_config())
    rows = net._standardised(5 + torch.randn(30, 24) * torch.rand(24))  # pyright: ignore[reportPrivateUsage]
    torch.testing.assert_close(rows.mean(0), torch.zeros(24), atol=1e-3, rtol=0)
    torch.testing.assert_close(rows.std(0, correction=0), torch.ones(24), atol=1e-4, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("patches", ["own", "student"])
@pytest.mark.parametrize("layers", [0, 1, 2])
def test_the_target_is_the_mean_of_the_teachers_last_layers_as_each_is_scaled(
    patches: Literal["own", "student"], layers: int
) -> None:
    net = _net(_config(teacher=TeacherConfig(layers=layers, patches=patches)))
    picture = torch.randn(4, 12, 35)
    hidden = torch.stack([torch.randperm(TOKENS)[SHOWN:] for _ in range(4)])
    tokens = net.student.tokens(net.student.normalise(picture))
    heard = net._heard(picture, tokens, hidden)  # pyright: ignore[reportPrivateUsage]
    target = net._target(heard)  # pyright: ignore[reportPrivateUsage]
    states = net.student.states(take(tokens, hidden))[-layers:]
    rows = [state.flatten(0, 1) for state in states]
    mean = sum((each - each.mean(0)) / each.std(0, correction=0) for each in rows)
    assert isinstance(mean, torch.Tensor)
    expected = (mean - mean.mean(0)) / mean.std(0, correction=0)
    torch.testing.assert_close(target, expected, atol=1e-4, rtol=1e-4)


def test_more_layers_than_the_teacher_has_are_refused() -> None:
    with pytest.raises(ValueError, match=r"teacher.layers 3 of an encoder of 2"):
        _config(teacher=TeacherConfig(layers=3))


@torch.no_grad()
def test_the_teacher_moves_towards_the_student_by_what_its_decay_leaves() -> None:
    net = _net(_config())
    before = {name: value.clone() for name, value in net.teacher.state_dict().items()}
    for weight in net.student.parameters():
        weight += 1
    net.follow(decay=0.75, head_decay=1.0)
    for name, weight in net.teacher.named_parameters():
        torch.testing.assert_close(weight, before[name] + 0.25)
    assert all(
        torch.equal(one, two) for one, two in zip(net.head.parameters(), net.teacher_head.parameters(), strict=True)
    )


def test_a_teacher_begins_as_the_student_or_apart_from_it() -> None:
    equal, apart = (_net(_config(teacher=TeacherConfig(begins=begins))) for begins in ("equal", "apart"))
    for net, alike in ((equal, True), (apart, False)):
        one, other = (part.encoder.blocks[0].attn.qkv.weight for part in (net.student, net.teacher))
        assert torch.equal(one, other) is alike
    published = apart.teacher_head.mlp[0].weight.std()
    assert float(published) == pytest.approx(0.02, rel=0.15)


def test_the_teacher_lies_in_the_state_and_follows_it_everywhere() -> None:
    state = _net(_config()).state_dict()
    assert {name.split(".")[0] for name in state} == {
        "centre", "student", "predictor", "head", "teacher", "teacher_head",
    }  # fmt: skip


@torch.no_grad()
@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_the_centre_is_a_moving_mean_of_scores_or_of_shares(kind: str) -> None:
    prototypes = PrototypeConfig(prototypes=9, hidden=10, bottleneck=5, centre=kind)  # pyright: ignore[reportArgumentType]
    net = _net(_config(prototypes=prototypes))
    learnt = _learn(net)
    net.recentre(learnt)
    rows = learnt.teacher_scores if kind == "logits" else learnt.wanted
    torch.testing.assert_close(net.centre, 0.1 * rows.mean(0))


@torch.no_grad()
def test_a_centre_of_logits_keeps_prototypes_in_use_where_one_of_shares_does_not() -> None:
    torch.manual_seed(0)
    common = 3 * torch.randn(16)
    perplexities: list[float] = []
    for kind in ("probabilities", "logits"):
        scores = (common + 0.1 * torch.randn(500, 16)) / 16
        centre = torch.zeros(16)
        for _ in range(60):
            shares = ((scores - centre) / 0.04).softmax(-1)
            centre = centre.lerp((scores if kind == "logits" else shares).mean(0), 0.1)
        perplexities.append(float(torch.special.entr(shares.mean(0)).sum().exp()))
    assert perplexities[0] < 0.7 * perplexities[1] and perplexities[1] > 15


def test_signs_of_collapse_are_told_and_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    net = _net(_config())
    learnt = _learn(net)
    signs = collapse_signs(learnt, choices=3, total=lambda sums: sums)
    assert sum(signs[f"winner_{i}"] for i in range(3)) == pytest.approx(1)
    assert 1 <= signs["live_prototypes"] <= 9 and 1 <= signs["perplexity"] <= 9 and 0 <= signs["agreement"] <= 1
    assert signs["teacher_std"] == pytest.approx(float(learnt.heard.std(0, correction=0).mean()), rel=1e-4)
    alarm = CollapseAlarm(2048)
    for step in (10, 20):
        alarm.hear(step, {**signs, "teacher_std": 1e-4})
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2 and any("perplexity" in line for line in told) and any("teacher_std" in line for line in told)
    assert alarm.hear(30, {"perplexity": 900.0, "teacher_std": 0.7, "guess_std": 0.7}) is None


def test_one_step_of_few_prototypes_is_no_collapse_and_many_are(caplog: pytest.LogCaptureFixture) -> None:
    alarm, healthy = CollapseAlarm(256), {"perplexity": 60.0, "teacher_std": 0.7, "guess_std": 0.7}
    for step in range(40):  # every fourth is of a set of seven sounds
        alarm.hear(step, {**healthy, "perplexity": 7.0 if step % 4 == 3 else 60.0})
    assert not caplog.records
    for step in range(40, 60):
        alarm.hear(step, {**healthy, "perplexity": 7.0})
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["step 46"]


def test_tiny_overrides_build_both_variants() -> None:
    assert _preset("micro", TINY_MATPAC).choices.heads == 0
    assert len(LearningNet(_preset("micro", TINY_MATPAC_PLUS)).predictor.guesses) == 3
