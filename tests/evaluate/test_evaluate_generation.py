"""A model's report: obedience, deafness and recital are told apart, and questions that do not apply are left out."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest
import torch
from evaluate_fakes import (
    HOP,
    RATE,
    SCHEMA,
    SPEC,
    VOCAB,
    ObedientLM,
    SineCodec,
    UniformLM,
    ignore_parameters,
    measured_level,
    obey,
    sine,
)
from torch import Tensor

from smalti.core import Audio, Condition, ParameterError, Schema, SpecError, TokenSpec
from smalti.evaluate import (
    ConditionedCodes,
    Generate,
    GenerationReport,
    GenerationSettings,
    LabelledClip,
    ParameterScore,
    References,
    Sweep,
    TokenSounding,
    evaluate_generation,
)
from smalti.generate import Sampling, generate
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings

FRAMES = 19
SETTINGS = GenerationSettings(seconds=FRAMES * HOP / RATE, null_clips=45, clips_per_label=5, rows=33, decode_rows=7)
VALUES = tuple(4.0 + 3.5 * i for i in range(26))


def renderer(label: str) -> Callable[[float, int], Tensor]:
    return lambda value, index: sine(value, label, FRAMES)


SWEEPS = [
    Sweep(label=label, name="level", values=VALUES, measure=measured_level, render=renderer(label))
    for label in ("hum", "beep")
]


def codes_of(clip: LabelledClip) -> Tensor:
    return SineCodec().encode(Audio.single(clip.samples, RATE)).codes[0]


def references() -> References:
    levels = (8.0, 25.0, 40.0, 60.0, 75.0, 95.0)
    clips = [LabelledClip(sine(level, label, FRAMES + 4), label) for label in SCHEMA.labels for level in levels]
    codes = [codes_of(clip) for clip in clips]
    held_out = [ConditionedCodes(row, Condition.empty(1, row.shape[1], 2)) for row in codes[::4]]
    return References(training=clips, held_out=clips[12:], training_codes=codes, held_out_codes=held_out)


def report(model: Generate, settings: GenerationSettings = SETTINGS) -> GenerationReport:
    return evaluate_generation(
        TokenSounding(UniformLM(), SineCodec(), model), references=references(), sweeps=SWEEPS, settings=settings
    )


def test_an_obedient_model_is_fully_correlated_and_its_null_is_not() -> None:
    scores = report(obey).parameter_correlation
    assert scores is not None and scores.keys() == {"hum.level", "beep.level"}
    for score in scores.values():
        assert score.spearman > 0.99 and score.ceiling == score.spearman and score.truth == score.spearman
        assert score.null is not None and abs(score.null) < 0.45
        assert score.median_error < 2 and score.median_error_ceiling == pytest.approx(score.median_error, abs=0.2)
        assert (score.unit, score.clips, score.null_clips, score.unmeasured) == ("percent", 26, 45, 0)
        assert score.asked == list(VALUES) and len(score.measured) == 26


def test_a_deaf_model_is_not_correlated_but_keeps_its_labels() -> None:
    found = report(ignore_parameters)
    assert found.label_accuracy == found.label_accuracy_truth == found.label_accuracy_ceiling == 1
    assert found.label_accuracy_by_label == {"hum": 1, "beep": 1, "hiss": 1}
    for score in (found.parameter_correlation or {}).values():
        assert abs(score.spearman) < 0.5
        assert score.interval[0] < 0 < score.interval[1]


def test_a_model_that_answers_with_another_label_is_heard() -> None:
    def confuse(condition: Condition, **rest: object) -> Tensor:
        return obey(Condition(condition.labels.clamp(min=1), condition.values), **rest)

    found = report(confuse).label_accuracy_by_label
    assert found is not None and (found["hum"], found["hiss"]) == (0, 1)


def test_a_wrong_scale_shows_as_error_and_is_taken_out_by_calibration_on_real_clips_only() -> None:
    sweep = Sweep(
        label="beep",
        name="level",
        values=VALUES,
        measure=lambda samples, rate: 3 * measured_level(samples, rate) ** 1.5,
        render=renderer("beep"),
    )
    found = evaluate_generation(
        TokenSounding(UniformLM(), SineCodec(), obey), references=References(), sweeps=[sweep], settings=SETTINGS
    )
    score = (found.parameter_correlation or {})["beep.level"]
    assert score.median_error > 100
    assert score.median_error_calibrated is not None and score.median_error_calibrated < 2


def test_silence_counts_as_unmeasured_and_never_as_obedience() -> None:
    def mute(condition: Condition, **rest: object) -> Tensor:
        codes = obey(condition, **rest)
        return torch.where(torch.arange(2)[:, None] == 0, codes * (codes[:, :1] < VOCAB // 2), codes)

    def measure(samples: Tensor, rate: int) -> float:
        return measured_level(samples, rate) or math.nan

    sweep = Sweep(label="hum", name="level", values=VALUES, measure=measure)
    found = evaluate_generation(
        TokenSounding(UniformLM(), SineCodec(), mute), references=References(), sweeps=[sweep], settings=SETTINGS
    )
    score = (found.parameter_correlation or {})["hum.level"]
    assert score.unmeasured == sum(value > 50 for value in VALUES)
    assert score.spearman < 0.3
    assert score.ceiling is None and score.median_error_calibrated is None


def test_recital_equal_clouds_and_known_tokens_score_as_they_should() -> None:
    found = report(obey)
    assert found.copy_rate is not None and 0 < found.copy_rate < 1  # still sounds meet the training levels by chance
    assert found.copy_rate_real == 1
    assert found.frechet is not None and found.frechet.value < 3 * found.frechet.floor + 0.5
    assert found.bits_per_token is not None and found.bits_per_token.model == pytest.approx(math.log2(VOCAB))


def test_the_clips_that_were_judged_come_with_the_report() -> None:
    found = report(obey)
    assert len(found.generated) == 2 * 26 + 5
    assert found.clips == 2 * 26 + 5 + 2 * 45
    assert found.audio_seconds == pytest.approx(found.clips * FRAMES * HOP / RATE)
    first = found.generated[0]
    assert (first.request.label, first.request.values) == ("hum", {"level": VALUES[0]})
    assert first.samples.shape == (FRAMES * HOP,)
    assert len({clip.request.seed for clip in found.generated}) == len(found.generated)


def test_batches_do_not_change_a_score_and_seeds_do() -> None:
    small = GenerationSettings(seconds=SETTINGS.seconds, null_clips=45, clips_per_label=5, rows=200, decode_rows=3)
    other = GenerationSettings(seconds=SETTINGS.seconds, null_clips=45, clips_per_label=5, seed=4)
    one, two, three = (
        report(ignore_parameters, settings).parameter_correlation for settings in (SETTINGS, small, other)
    )
    assert one == two != three


def forty_percent_high(condition: Condition, *, seeds: Sequence[int]) -> Tensor:
    """Obeys, but 40 % too high: an error of its own, which no curve of the estimator may take off."""
    codes = obey(condition, seeds=seeds)
    codes[:, 0] = (codes[:, 0] * 1.4).round().long().clamp(0, VOCAB - 1)
    return codes


def test_an_error_of_the_model_stays_and_one_of_the_estimator_is_taken_off() -> None:
    def reads_high(samples: Tensor, sample_rate: int) -> float:
        return 1.4 * measured_level(samples, sample_rate)

    deaf_to_it = [replace(sweep, measure=reads_high) for sweep in SWEEPS]
    wrong = scores_of(obey, deaf_to_it)
    own = scores_of(forty_percent_high, [replace(sweep, values=VALUES[:18]) for sweep in SWEEPS])
    for key in ("hum.level", "beep.level"):
        assert wrong[key].relative_median_error == pytest.approx(0.4, abs=0.05)
        assert wrong[key].relative_median_error_calibrated < 0.05
        assert wrong[key].bias > 10 and wrong[key].relative_median_error_ceiling > 0.3
        assert own[key].relative_median_error_calibrated == pytest.approx(0.4, abs=0.1)
        assert own[key].relative_median_error_ceiling < 0.05
    assert wrong["hum.level"].slope == pytest.approx(1.4, abs=0.05)
    assert wrong["beep.level"].slope == pytest.approx(1.0, abs=0.1)


def test_a_deaf_model_has_no_slope() -> None:
    assert abs(scores_of(ignore_parameters, SWEEPS)["hum.level"].slope) < 0.35


def scores_of(model: Generate, sweeps: list[Sweep]) -> dict[str, ParameterScore]:
    found = evaluate_generation(
        TokenSounding(UniformLM(), SineCodec(), model), references=References(), sweeps=sweeps, settings=SETTINGS
    )
    assert found.parameter_correlation is not None
    return found.parameter_correlation


def test_the_report_is_json_with_the_keys_of_the_contract() -> None:
    found = json.loads(json.dumps(report(obey).to_json(), allow_nan=False))
    assert {
        "label_accuracy",
        "parameter_correlation",
        "bits_per_token",
        "copy_rate",
        "frechet",
        "real_time_factor",
    } <= found.keys()
    assert "generated" not in found
    assert {"spearman", "ceiling", "null", "median_error"} <= found["parameter_correlation"]["hum.level"].keys()
    assert found["bits_per_token"].keys() == {"model", "unigram", "bigram", "bigram_previous", "bigram_row"}
    assert {"value", "floor"} <= found["frechet"].keys()


class Unlabelled(ObedientLM):
    schema = Schema()


def test_a_model_without_labels_gets_the_scores_that_apply() -> None:
    def babble(condition: Condition, *, seeds: object) -> Tensor:
        return torch.randint(VOCAB, (len(condition.labels), 2, FRAMES), generator=torch.Generator().manual_seed(1))

    known = [LabelledClip(clip.samples) for clip in references().training]
    codes = [codes_of(clip) for clip in known]
    found = evaluate_generation(
        TokenSounding(Unlabelled(), SineCodec(), babble),
        references=References(training=known, held_out=known, training_codes=codes),
        settings=SETTINGS,
    )
    keys = found.to_json().keys()
    assert not keys & {"label_accuracy", "parameter_correlation", "bits_per_token", "copy_rate_real"}
    assert found.copy_rate == 0 and found.clips == 5
    assert found.frechet is not None and found.frechet.value > found.frechet.floor


def test_without_references_only_the_clips_are_left() -> None:
    found = evaluate_generation(
        TokenSounding(UniformLM(), SineCodec(), obey), references=References(), settings=SETTINGS
    )
    assert found.to_json().keys() == {"clips", "audio_seconds", "seconds", "real_time_factor"}
    assert [clip.request.label for clip in found.generated[::5]] == list(SCHEMA.labels)


def test_the_own_language_model_and_loop_fit() -> None:
    settings = TransformerSettings(width=16, layers=1, heads=2, window=8, condition_width=12)
    lm = TokenTransformer(spec=SPEC, schema=SCHEMA, pattern="delay", transformer=settings).eval()
    found = evaluate_generation(
        TokenSounding(lm, SineCodec(), partial(generate, lm, sampling=Sampling())),
        references=references(),
        sweeps=SWEEPS[:1],
        settings=GenerationSettings(seconds=0.2, null_clips=3, clips_per_label=1),
    )
    assert found.bits_per_token is not None and 3 < found.bits_per_token.model < 8
    assert found.generated[0].written.shape == (2, round(0.2 * SPEC.frame_rate))


def test_progress_tells_every_clip() -> None:
    told: list[tuple[str, int, int]] = []
    evaluate_generation(
        TokenSounding(UniformLM(), SineCodec(), obey),
        references=references(),
        sweeps=SWEEPS,
        settings=SETTINGS,
        progress=lambda *step: told.append(step),
    )
    last = {stage: (done, total) for stage, done, total in told}
    assert last == {"generate": (147, 147), "decode": (147, 147), "ceiling": (58, 58)}


def refused(**changes: object) -> None:
    def silent(condition: Condition, *, seeds: object) -> Tensor:
        raise AssertionError("nothing may be generated")

    sweep = {"label": "hum", "name": "level", "values": VALUES, "measure": measured_level, **changes}
    evaluate_generation(
        TokenSounding(UniformLM(), SineCodec(), silent), references=References(), sweeps=[Sweep(**sweep)]
    )


def test_what_cannot_be_asked_is_refused_before_anything_is_generated() -> None:
    with pytest.raises(ParameterError, match="did you mean 'hum'"):
        refused(label="humm")
    with pytest.raises(ParameterError, match="did you mean 'level'"):
        refused(name="levle")
    with pytest.raises(ParameterError, match="outside"):
        refused(values=(5.0, 500.0))
    with pytest.raises(ParameterError, match="two values"):
        refused(values=(5.0,))
    with pytest.raises(ParameterError, match="does not belong"):
        refused(fixed={"colour": 1.0})
    with pytest.raises(ParameterError, match="seconds above zero"):
        GenerationSettings(seconds=0)


def test_a_model_of_another_codec_is_refused() -> None:
    class Other(UniformLM):
        spec = TokenSpec(sample_rate=RATE, hop=HOP, codebooks=2, vocab=VOCAB, tokenizer="waves")

    with pytest.raises(SpecError, match="another tokenizer"):
        evaluate_generation(TokenSounding(Other(), SineCodec(), obey), references=References())
