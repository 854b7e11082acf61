"""Who follows a moving parameter gets one, who is deaf nothing, who is late his lag; holes between labels are found."""

import itertools
import json
from functools import partial

import pytest
import torch
from evaluate_fakes import (
    HOP,
    RATE,
    SCHEMA,
    SineCodec,
    UniformLM,
    follow,
    follow_late,
    ignore_parameters,
    measured_level,
)
from torch import Tensor

from smalti.core import Audio, Condition, ParameterError, Tokens
from smalti.evaluate import (
    Generate,
    MovementScore,
    MovementSettings,
    Sweep,
    TokenSounding,
    evaluate_morphs,
    evaluate_movements,
)
from smalti.evaluate.reports import to_json

SECONDS = 4.0
SETTINGS = MovementSettings(seconds=SECONDS, clips=3, decode_rows=2)


def level(samples: Tensor, sample_rate: int) -> float:
    return measured_level(samples, sample_rate) if samples.any() else float("nan")


def render(points: object, seconds: float, index: int) -> Tensor:
    """A real clip that moves as it should, by the loudness of a sine."""
    assert isinstance(points, list)
    times = torch.arange(round(seconds * RATE)) / RATE
    heights = torch.zeros_like(times)
    for (start, low), (end, high) in itertools.pairwise(points):
        inside = (times >= start) & (times <= end)
        share = (times - start) / max(end - start, 1e-9)
        heights = torch.where(inside, low + (high - low) * share, heights)
    return heights / 100 * (2 * torch.pi * 1000 * times).sin()


def sweep(label: str = "hum", **changes: object) -> Sweep:
    settings = {"label": label, "name": "level", "values": (20.0, 70.0), "measure": level, "window": 0.3, **changes}
    return Sweep(**settings)


def moved(model: Generate, **changes: object) -> dict[str, MovementScore]:
    found = evaluate_movements(
        TokenSounding(UniformLM(), SineCodec(), model), sweeps=[sweep(**changes)], settings=SETTINGS
    )
    return next(iter(found.values()))


def test_a_perfect_follower_gets_one_and_is_not_late() -> None:
    found = moved(follow, follow=render)
    for shape in ("ramp", "step"):
        assert found[shape].correlation > 0.98
        assert found[shape].clips == 3 and found[shape].unmeasured == 0
        assert found[shape].ceiling is not None and found[shape].ceiling > 0.98
    assert found["step"].lag_seconds == pytest.approx(0, abs=0.05)
    assert found["step"].lag_ceiling == pytest.approx(0, abs=0.05)
    assert found["ramp"].lag_seconds is None


def test_a_logarithmic_parameter_is_followed_on_its_own_scale() -> None:
    assert moved(follow, label="beep")["step"].correlation > 0.95


def test_a_late_model_shows_its_lag() -> None:
    late = 19
    found = moved(partial(follow_late, frames=late))
    assert found["step"].lag_seconds == pytest.approx(late * HOP / RATE, abs=0.06)
    assert found["step"].correlation < 0.9


def test_a_deaf_model_follows_nothing() -> None:
    found = moved(ignore_parameters)
    assert all(abs(score.correlation) < 0.1 and score.ceiling is None for score in found.values())


def test_a_silent_model_follows_nothing_and_says_so() -> None:
    def silent(condition: Condition, *, seeds: object) -> Tensor:
        return torch.zeros(len(condition.labels), 2, condition.labels.shape[1], dtype=torch.long)

    found = moved(silent)["ramp"]
    assert found.correlation == 0 and found.unmeasured == 3 and found.times == ()
    json.dumps(to_json(found), allow_nan=False)


def test_every_window_is_told_and_the_sound_stays_out_of_the_json() -> None:
    found = to_json(moved(follow)["ramp"])
    assert len(found["times"]) == len(found["asked"]) == len(found["measured"]) > 30
    assert found["asked"][0] == pytest.approx(10, abs=5) and found["asked"][-1] == pytest.approx(90, abs=5)
    assert "samples" not in found and "ceiling" not in found


def test_a_sweep_without_a_window_is_not_asked_to_move() -> None:
    def silent(condition: Condition, *, seeds: object) -> Tensor:
        raise AssertionError("nothing may be generated")

    assert (
        evaluate_movements(
            TokenSounding(UniformLM(), SineCodec(), silent), sweeps=[sweep(window=None)], settings=SETTINGS
        )
        == {}
    )
    with pytest.raises(ParameterError, match="did you mean 'level'"):
        evaluate_movements(
            TokenSounding(UniformLM(), SineCodec(), silent), sweeps=[sweep(name="levle")], settings=SETTINGS
        )
    with pytest.raises(ParameterError, match="one clip or more"):
        MovementSettings(clips=0)


def morphs(model: Generate, **changes: object) -> dict[str, object]:
    return to_json(evaluate_morphs(TokenSounding(UniformLM(), SineCodec(), model), settings=SETTINGS, **changes))


def holey(condition: Condition, *, seeds: list[int]) -> Tensor:
    """A follower that falls silent for a second between two labels."""
    codes, middle = follow(condition, seeds=seeds), condition.labels.shape[1] // 2
    quiet = round(RATE / HOP)
    codes[:, 0, middle - quiet // 2 : middle + quiet // 2] = 0
    return codes


def shouting(condition: Condition, *, seeds: list[int]) -> Tensor:
    """A follower that is at full scale in the middle third."""
    codes, third = follow(condition, seeds=seeds), condition.labels.shape[1] // 3
    codes[:, 0, third + 2 : -third - 2] = 31
    return codes


def test_labels_that_meet_without_a_hole_hold() -> None:
    found = morphs(follow)
    assert list(found) == ["hum → beep", "beep → hiss", "hiss → hum"]
    chosen = morphs(follow, pairs=[("hum", "beep")])
    assert chosen["hum → beep"]["holds"] is True
    assert chosen["hum → beep"]["hole_db"] == 0 and chosen["hum → beep"]["clipped"] == 0


def test_a_passage_begins_with_one_label_ends_with_the_other_and_crosses_evenly() -> None:
    heard: list[Condition] = []

    def listening(condition: Condition, *, seeds: list[int]) -> Tensor:
        heard.append(condition)
        return follow(condition, seeds=seeds)

    morphs(listening, pairs=[("beep", "hiss")])
    asked, frames = heard[0], heard[0].labels.shape[1]
    beep, hiss = SCHEMA.labels.index("beep"), SCHEMA.labels.index("hiss")
    assert asked.mix is not None
    assert (asked.mix.labels.sum(-1) == 1).all() and (asked.mix.labels[..., SCHEMA.labels.index("hum")] == 0).all()
    assert (asked.mix.labels[:, : frames // 3, beep] == 1).all() and (
        asked.mix.labels[:, -frames // 3 :, hiss] == 1
    ).all()
    assert asked.mix.labels[0, frames // 2, hiss] == pytest.approx(0.5, abs=0.02)
    assert (asked.mix.values[..., 1] == asked.mix.labels[..., beep]).all()
    assert asked.labels[0, [0, -1]].tolist() == [beep, hiss]
    assert (asked.values[..., 1] == 0.5).all() and asked.values[..., 0].isnan().all()


def test_a_silent_morph_is_caught() -> None:
    found = morphs(holey, pairs=[("hum", "beep")])["hum → beep"]
    assert found["holds"] is False and found["hole_db"] > 40


def test_a_clipping_morph_is_caught() -> None:
    found = morphs(shouting, pairs=[("hum", "beep")])["hum → beep"]
    assert found["holds"] is False and found["clipped"] > 0.001 and found["peak"] > 0.99
    assert found["clipped_ends"] == 0


def test_a_single_peak_is_counted_and_forgiven() -> None:
    def clicking(condition: Condition, *, seeds: list[int]) -> Tensor:
        codes, middle = follow(condition, seeds=seeds), condition.labels.shape[1] // 2
        codes[:, 0, middle] = 31
        return codes

    found = morphs(clicking, pairs=[("hum", "beep")])["hum → beep"]
    assert found["holds"] is True and 0 < found["clipped"] < 0.001


def test_an_unknown_label_is_refused_before_anything_is_generated() -> None:
    with pytest.raises(ParameterError, match="did you mean 'beep'"):
        morphs(follow, pairs=[("hum", "bep")])


def test_the_fake_codec_carries_what_moves() -> None:
    sound = render([(0.0, 10.0), (1.0, 90.0)], 1.0, 0)
    heard = SineCodec().decode(SineCodec().encode(Audio.single(sound, RATE)))
    assert isinstance(SineCodec().encode(heard), Tokens)
    assert float((heard.samples[0] - sound).abs().mean()) < 0.2
