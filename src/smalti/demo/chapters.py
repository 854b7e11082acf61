"""Chapters that several pages share: a sound with its picture, what a model made, and how its knobs are obeyed."""

from collections.abc import Iterable, Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor

from smalti.core import Schema
from smalti.demo import page, pictures
from smalti.evaluate import GeneratedClip

_COLUMNS = {
    "rank corr.": ("spearman", ".3g"),
    "ceiling": ("ceiling", ".3g"),
    "null": ("null", ".2f"),
    "median error": ("median_error", ".3g"),
    "unit": ("unit", ""),
    "relative": ("relative_median_error", ".0%"),
    "calibrated": ("relative_median_error_calibrated", ".0%"),
    "of the ceiling": ("relative_median_error_ceiling", ".0%"),
    "slope": ("slope", ".2f"),
}


def sound(name: str, samples: Float[Tensor, " sample"], rate: int) -> str:
    """A name, a spectrogram and a player."""
    image = page.picture(pictures.spectrogram(samples, sample_rate=rate), alt=f"spectrogram, {name}")
    return f"<small>{page.text(name)}</small>{image}{page.player(samples, sample_rate=rate)}"


def model(lead: str, scores: Mapping[str, Any], first: Mapping[str, GeneratedClip], rate: int) -> str:
    """What a model made: one clip of each label, and the figures about all of them."""
    cards = [
        page.card(_asked(label, clip), sound("generated", clip.samples, rate)) for label, clip in sorted(first.items())
    ]
    facts: list[tuple[str, float]] = []
    for key, name in (
        ("label_accuracy", "recognised, generated"),
        ("label_accuracy_ceiling", "recognised, real, through codec or vocoder"),
        ("label_accuracy_truth", "recognised, real"),
        ("copy_rate", "two-second spans copied from training"),
    ):
        if scores.get(key) is not None:
            facts.append((name, scores[key]))
    facts += [(f"bits per token, {name}", value) for name, value in scores.get("bits_per_token", {}).items()]
    facts += [(f"Fréchet distance (own embedding), {name}", value) for name, value in scores.get("frechet", {}).items()]
    return page.section("The model", lead, page.grid(cards), page.table(["", ""], facts))


def _asked(label: str, clip: GeneratedClip) -> str:
    settings = ", ".join(f"{name} {value:.3g}" for name, value in clip.request.values.items())
    return f"{label} {settings}".strip()


def knobs(scores: Mapping[str, Any], turned: Iterable[str], schema: Schema) -> str:
    """How each parameter is obeyed, and cards of those that were turned; nothing if none was asked for."""
    found = scores.get("parameter_correlation")
    if not found:
        return ""
    lead = (
        "Each parameter was asked for at values kept out of training, and measured on the generated sound by an "
        "estimator. The ceiling is the same measure on real clips through the codec, or the vocoder of a model of mel "
        "frames; the null is clips generated without the parameter. Calibrated errors take off what the estimator says "
        "wrongly of these real clips."
    )
    logs = {p.key for p in schema.parameters if p.scale == "log"}
    scatters = [page.card(key, page.picture(_scatter(key, s, log=key in logs), alt=key)) for key, s in found.items()]
    rows = [(key, *(_cell(score.get(name), form) for name, form in _COLUMNS.values())) for key, score in found.items()]
    head = ["parameter", *_COLUMNS]
    return page.section("The knobs", lead, page.table(head, rows), page.grid(scatters), page.grid(turned))


def _cell(value: float | str | None, form: str) -> str:
    return "–" if value in (None, "") else format(value, form)


def _scatter(key: str, score: Mapping[str, Any], *, log: bool) -> bytes:
    series = {"ceiling": score.get("measured_ceiling"), "generated": score["measured"]}
    shown = {name: values for name, values in series.items() if values}
    return pictures.scatter(score["asked"], shown, title=key, unit=score["unit"], log=log)
