"""The page of `smalti evaluate generation --html`: the figures, and the sounds and curves that they are made of."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smalti.core import Parameter
from smalti.demo import chapters, page, pictures
from smalti.evaluate import MorphScore, MovementScore
from smalti.store import write_bytes
from smalti.systems.generation_scores import GenerationScores

_MOVES = (
    "A ramp and a step were asked for, and short windows of the sound measured along time. The ceiling is a real clip "
    "that moves so, through the codec or vocoder."
)
_MORPHS = (
    "In the middle third of each clip one label passes into the next. A hole is how far the quietest half second of "
    "that third lies below that of both ends."
)
_TILES = 96  # of a banner
_CONTINUED = "The first two seconds of real clips were gone on with. A ratio near one is no seam."


def write_scores_page(to: Path, scores: GenerationScores, *, name: str) -> None:
    """Write one self-contained HTML file.

    Args:
        to: the file.
        scores: what was found.
        name: of the run, for the title.
    Raises:
        StoreError: if it cannot be written.
    """
    report, rate = scores.report, scores.sample_rate
    result = report.to_json()
    first = {clip.request.label or "sound": clip for clip in reversed(report.generated)}
    lead = f"{report.clips} clips, {report.audio_seconds:.0f} s of sound, {report.real_time_factor:.2g} s a second."
    sections = [
        chapters.model("One clip of each label, as it was asked for:", result, first, rate),
        chapters.knobs(result, (), scores.schema),
        _moves(report.trajectories or {}, {p.key: p for p in scores.schema.parameters}, rate),
        _morphs(report.morphs or {}, rate),
        _continued(result.get("continuation")),
        _left_out(report.left_out or {}),
    ]
    write_bytes(to, page.page(f"What {name} generates", lead, _banner(scores), sections).encode())


def _banner(scores: GenerationScores) -> str:
    """The first clip as it was written, in tokens or in mel frames."""
    written = scores.report.generated[0].written
    if scores.vocab is None:
        return page.picture(pictures.strip(written), alt="mel frames")
    return page.picture(pictures.mosaic(written[:, :_TILES], vocab=scores.vocab), alt="audio tokens")


def _moves(moved: Mapping[str, Mapping[str, MovementScore]], knobs: Mapping[str, Parameter], rate: int) -> str:
    if not moved:
        return ""
    head = ["parameter", "movement", "correlation", "ceiling", "seconds late", "late, ceiling", "silent clips"]
    rows = [(key, shape, s.correlation, _or_dash(s.ceiling), _or_dash(s.lag_seconds), _or_dash(s.lag_ceiling),
             s.unmeasured) for key, shapes in moved.items() for shape, s in shapes.items()]  # fmt: skip
    cards = (page.card(f"{key}, {shape}", *_moved(score, knobs[key], rate))
             for key, shapes in moved.items() for shape, score in shapes.items())  # fmt: skip
    return page.section("Knobs that move", _MOVES, page.table(head, rows), page.grid(cards))


def _moved(score: MovementScore, knob: Parameter, rate: int) -> Iterator[str]:
    yield chapters.sound(f"correlation {score.correlation:.2f}", score.samples, rate)
    if score.times:
        log = knob.scale == "log"
        yield page.picture(
            pictures.trajectory(score.times, score.asked, score.measured, unit=knob.unit, log=log), alt="over time"
        )


def _morphs(morphs: Mapping[str, MorphScore], rate: int) -> str:
    if not morphs:
        return ""
    rows = [(key, s.hole_db, s.peak, f"{s.clipped:.2%}", "yes" if s.holds else "no") for key, s in morphs.items()]
    cards = (page.card(key, chapters.sound(f"hole {s.hole_db:.1f} dB", s.samples, rate)) for key, s in morphs.items())
    head = ["labels", "hole in dB", "peak", "clipped", "holds"]
    return page.section("Labels that become others", _MORPHS, page.table(head, rows), page.grid(cards))


def _continued(score: Mapping[str, Any] | None) -> str:
    if not score:
        return ""
    names = {
        "kept": "prompt codes kept",
        "join_bits": "bits per code at the join",
        "interior_bits": "bits per code behind it",
        "join_ratio": "ratio",
        "copy_rate": "two-second spans copied from training",
        "clips": "clips",
    }
    rows = [(name, score[key]) for key, name in names.items() if score.get(key) is not None]
    return page.section("Real beginnings gone on with", _CONTINUED, page.table(["", ""], rows))


def _left_out(reasons: Mapping[str, str]) -> str:
    if not reasons:
        return ""
    return page.section("Not scored", "What could not be asked here:", page.table(["score", "which"], reasons.items()))


def _or_dash(value: float | None) -> float | str:
    return "–" if value is None else value
