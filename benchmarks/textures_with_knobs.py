"""Does a small model make eight textures as its knobs ask? From nothing to the table, on one CPU core.

    python benchmarks/textures_with_knobs.py OUT [CLIPS CODEC_STEPS STEPS]

Renders CLIPS training clips of 4 s of each texture (a fifth of them move), none of whose values lie in five bands of
each parameter's range; trains `melvqvae/textures` and `synthformer/tiny` on them; asks for 25 values inside the bands,
for ramps, steps and passages between labels, and for continuations of real beginnings. Printed are the figures, the CPU
seconds of every stage, and what was wanted. OUT keeps the runs, scores.json and scores.html; a run that was interrupted
goes on.
"""

import json
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch

from smalti.demo.scores_page import write_scores_page
from smalti.demo.sounds import built_in
from smalti.evaluate import GenerationReport, MovementSettings
from smalti.generate import Sampling
from smalti.systems.generation_scores import Asking, score_generation
from smalti.systems.training import train
from smalti.systems.transcoding import encode

CLIPS, CODEC_STEPS, STEPS, SHIFTS = 600, 3000, 4000, 2
NULL_CLIPS = 160  # a rank correlation of so many is uncertain by .08; of 40 by .16, and eight of them soon reach .3
SAMPLING = Sampling(top_p=0.95, field_guidance=(("parameters", 2.0),))
"""Chosen on values and seeds other than those that are reported."""


def main(out: Path, clips: int = CLIPS, codec_steps: int = CODEC_STEPS, steps: int = STEPS) -> None:
    """Every stage, then the tables."""
    torch.set_num_threads(1)
    with stage("render"):
        material = built_in(out / "sounds", clips=clips, seed=0)
    with stage("codec"):
        budget = [f"train.steps={codec_steps}"]
        train("melvqvae/textures", data=material.codec, out=out / "codec", resume=True, overrides=budget)
    with stage("encode"):
        encode(out / "codec", (), data=material.model, to=out / "tokens", shifts=SHIFTS)
    with stage("model"):
        budget = [f"train.steps={steps}"]
        train("synthformer/tiny", data=out / "tokens", out=out / "model", resume=True, overrides=budget)
    asking = Asking(
        null_clips=NULL_CLIPS,
        sampling=SAMPLING,
        movements=MovementSettings(),
        sweeps=material.sweeps,
        tokens=out / "tokens",
    )
    with stage("score"):
        found = score_generation(out / "model", material.model, asking=asking)
    (out / "scores.json").write_text(json.dumps(found.report.to_json(), indent=1) + "\n", encoding="utf-8")
    write_scores_page(out / "scores.html", found, name="synthformer/tiny")
    report_knobs(found.report)
    report_movements(found.report)
    report_rest(found.report)


@contextmanager
def stage(name: str) -> Generator[None, None, None]:
    """Say how many CPU and clock seconds a stage took."""
    began, clock = time.process_time(), time.perf_counter()
    yield
    print(f"{name:8} {time.process_time() - began:7.0f} CPU s {time.perf_counter() - clock:7.0f} s", flush=True)


def report_knobs(report: GenerationReport) -> None:
    """A row of each knob; errors are medians, as a share of what was asked."""
    print(f"\n{'knob':20}{'rank':>7}{'ceiling':>9}{'null':>7}{'error':>8}{'corrected':>11}{'codec':>8}{'slope':>7}")
    scores = report.parameter_correlation or {}
    for key, score in scores.items():
        print(
            f"{key:20}{score.spearman:7.3f}{score.ceiling or 0:9.3f}{score.null or 0:7.2f}"
            f"{score.relative_median_error:8.1%}{score.relative_median_error_calibrated or 0:11.1%}"
            f"{score.relative_median_error_ceiling or 0:8.1%}{score.slope or 0:7.2f}"
        )
    high = sum(score.spearman >= 0.9 for score in scores.values())
    near = sum(score.spearman >= 0.9 * (score.ceiling or 0) for score in scores.values())
    exact = sum(score.relative_median_error <= 0.2 for score in scores.values())
    deaf = sum(abs(score.null or 0) < 0.3 for score in scores.values())
    print(f"rank .90: {high} of {len(scores)} (wanted 7), .9 of the ceiling: {near} (all), error 20 %: {exact}", end="")
    print(f", null below .3: {deaf} (all)")


def report_movements(report: GenerationReport) -> None:
    """Rows of ramps, steps and passages."""
    print(f"\n{'knob':20}{'ramp':>7}{'ceiling':>9}{'step':>7}{'ceiling':>9}{'late':>8}{'codec':>8}")
    for key, shapes in (report.trajectories or {}).items():
        ramp, step = shapes["ramp"], shapes["step"]
        late = "".join(f"{'–' if lag is None else f'{lag:.2f} s':>8}" for lag in (step.lag_seconds, step.lag_ceiling))
        print(f"{key:20}{ramp.correlation:7.2f}{ramp.ceiling or 0:9.2f}{step.correlation:7.2f}"
              f"{step.ceiling or 0:9.2f}{late}")  # fmt: skip
    for key, morph in (report.morphs or {}).items():
        print(f"{key:24} hole {morph.hole_db:5.1f} dB, peak {morph.peak:.2f}, clipped {morph.clipped:.3%}, "
              f"{'holds' if morph.holds else 'BREAKS'}")  # fmt: skip


def report_rest(report: GenerationReport) -> None:
    """Labels, tokens, continuations and copies."""
    print(f"\nlabels {report.label_accuracy:.1%}, real {report.label_accuracy_truth:.1%}, "
          f"through the codec {report.label_accuracy_ceiling:.1%}; {report.label_accuracy_by_label}")  # fmt: skip
    print(f"bits per token {report.bits_per_token}")
    print(f"copied {report.copy_rate}, of real held-out clips {report.copy_rate_real}; {report.frechet}")
    print(report.continuation)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(argument) for argument in sys.argv[2:5]))
