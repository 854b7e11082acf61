"""The page of a demo: what it heard, what came back, what the model made of it, what finds what, and commands."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from smalti.audio import write
from smalti.core import Audio, Codec, Parameter, Schema
from smalti.demo import chapters, page, pictures
from smalti.demo.chapters import sound
from smalti.demo.finding import Query
from smalti.evaluate import GeneratedClip, TrajectoryScore
from smalti.store import write_bytes

Heard = tuple[str, Audio, Audio]
_MODEL = (
    "synthformer/tiny continues those codes from nothing, told only a label and parameters. One clip of each label:"
)


@dataclass(frozen=True, slots=True)
class Passage:
    """One knob turned while a sound goes on.

    Attributes:
        key: `label.name`.
        samples: the sound, at the codec's rate.
        parameter: the knob.
        score: what was asked and measured over time.
    """

    key: str
    samples: Float[Tensor, " sample"]
    parameter: Parameter
    score: TrajectoryScore


@dataclass(frozen=True, slots=True)
class Sounds:
    """What the page plays.

    Attributes:
        heard: label, held-out clip, and the clip after the codec.
        made: generated clips; the first of each label is shown.
        passages: turned knobs.
        queries: sounds that looked for their like.
    """

    heard: Sequence[Heard]
    made: Sequence[GeneratedClip]
    passages: Sequence[Passage]
    queries: Sequence[Query]


def write_report(out: Path, result: Mapping[str, Any], sounds: Sounds, *, codec: Codec, schema: Schema) -> None:
    """Write `report.html` and, in `sounds-made/`, what it plays as WAV files.

    Args:
        out: the demo's folder.
        result: what report.json holds.
        sounds: to be played.
        codec, schema: the codec, and what the model can be told.
    """
    first = {clip.request.label or "sound": clip for clip in reversed(sounds.made)}
    rate = codec.spec.sample_rate
    (out / "sounds-made").mkdir(parents=True, exist_ok=True)
    for name, samples in [(p.key, p.samples) for p in sounds.passages] + [
        (k, c.samples) for k, c in sorted(first.items())
    ]:
        write(out / "sounds-made" / f"{_file_name(name)}.wav", Audio.single(samples, rate))
    example = codec.encode(sounds.heard[0][1])
    banner = page.picture(pictures.mosaic(example.codes[0, :, :96], vocab=codec.spec.vocab), alt="audio tokens")
    sections = [
        _summary(result),
        _codec(result["codec"], sounds.heard),
        chapters.model(_MODEL, result["generation"], first, rate),
        chapters.knobs(result["generation"], _passages(sounds.passages, rate), schema),
        _search(result["search"], sounds.queries),
        _stages(result),
        _next(out, schema),
    ]
    lead = "Sound heard as tokens, tokens continued by a language model, and heard again as sound."
    write_bytes(out / "report.html", page.page("smalti demo", lead, banner, sections).encode())


def _summary(result: Mapping[str, Any]) -> str:
    codec, scores = result["codec"], result["generation"]
    facts = [(f"{codec['log_mel_l1_db']:.2f} dB", "log-mel distance of held-out clips"),
             (f"{codec['bitrate'] / 1000:.2f} kbit/s", "codec bit rate")]  # fmt: skip
    if "label_accuracy" in scores:
        facts.append((f"{scores['label_accuracy']:.1%}", "generated clips recognised"))
    knobs = [score["spearman"] for score in scores.get("parameter_correlation", {}).values()]
    if knobs:
        facts.append((f"{sum(knobs) / len(knobs):.2f}", "asked and measured, mean rank correlation"))
    if "bits_per_token" in scores:
        bits = scores["bits_per_token"]
        facts.append((f"{bits['model']:.2f} bit", f"per token (counting pairs: {bits['bigram']:.2f})"))
    if result["search"].get("queries"):
        facts.append((f"{result['search']['p_at_1']:.0%}", "searches whose first hit has the query's label"))
    facts.append((f"{sum(result['stages'].values()) / 60:.1f} min", "for all of this"))
    lead = f"Sounds: {result['source']}. Every figure is measured on clips and parameter values kept out of training."
    return page.section("In short", lead, page.tiles(facts), _failed(result["failed"]))


def _failed(failed: Sequence[Mapping[str, str]]) -> str:
    if not failed:
        return ""
    rows = [(row["path"], row["reason"]) for row in failed]
    return "<p>These files could not be used:</p>" + page.table(["file", "why"], rows)


def _codec(scores: Mapping[str, Any], heard: Sequence[Heard]) -> str:
    lead = (
        "melvqvae/textures writes each 46 ms of sound as four codes. Each pair of players is a clip it never trained "
        "on, before and after."
    )
    rows = [(label, value) for label, value in scores["by_label"].items()]
    peers = [
        (f"Opus ({name}), {p['bitrate'] / 1000:.2f} kbit/s", p["log_mel_l1_db"]) for name, p in scores["peers"].items()
    ]
    ours = (f"smalti, {scores['bitrate'] / 1000:.2f} kbit/s", scores["log_mel_l1_db"])
    used = [(f"codebook {q}", value) for q, value in enumerate(scores["perplexity"])]
    tables = [
        page.card("Distance, all held-out clips", page.table(["codec", "dB"], [ours, *peers])),
        page.card("Distance by label", page.table(["label", "dB"], rows)),
        page.card("Effective codes in use", page.table(["", "perplexity"], used)),
    ]
    pairs = [_pair(label, before, after) for label, before, after in heard]
    return page.section("The codec", lead, page.grid(tables), page.grid(pairs))


def _pair(label: str, before: Audio, after: Audio) -> str:
    parts = (sound(name, a.samples[0], a.sample_rate) for name, a in (("before", before), ("after", after)))
    return page.card(label, *parts)


def _passages(passages: Sequence[Passage], rate: int) -> Iterator[str]:
    return (page.card(f"{p.key}, turned for ten seconds", *_turned(p, rate)) for p in passages)


def _turned(passage: Passage, rate: int) -> Iterator[str]:
    score, knob = passage.score, passage.parameter
    curve = pictures.trajectory(score.times, score.asked, score.measured, unit=knob.unit, log=knob.scale == "log")
    yield sound(f"correlation {score.correlation:.2f}", passage.samples, rate)
    yield page.picture(curve, alt="asked and measured over time")


def _search(scores: Mapping[str, Any], queries: Sequence[Query]) -> str:
    lead = (
        "The codec's tokens are also words to search by. A clip that training never heard looks for its like among "
        "those it did; below each query are the nearest three, with the seconds that are most like it."
    )
    rows: list[tuple[object, ...]] = []
    if scores.get("queries"):
        every = {"smalti": scores, **scores["peers"]}
        rows = [(name, *(one[key] for key in ("mrr", "map", "p_at_1", "ms_per_query"))) for name, one in every.items()]
    head = ["by", "reciprocal rank", "average precision", "first hit right", "ms a query"]
    cards = [page.card(query.name, sound("query", query.sound.samples[0], query.sound.sample_rate), *_places(query))
             for query in queries]  # fmt: skip
    return page.section("The search", lead, page.table(head, rows) if rows else "", page.grid(cards))


def _places(query: Query) -> Iterator[str]:
    for place in query.found:
        hit = place.hit
        said = f"{hit.label or Path(hit.path).name}, {hit.start:.2f}–{hit.end:.2f} s, score {hit.score:.2f}"
        yield f"<small>{page.text(said)}</small>"
        yield page.player(place.sound.samples[0], sample_rate=place.sound.sample_rate)


def _stages(result: Mapping[str, Any]) -> str:
    rows = [(name, seconds) for name, seconds in result["stages"].items()]
    lead = f"Seconds of each stage, on {result['threads']} threads of this machine."
    return page.section("Time", lead, page.table(["stage", "seconds"], rows))


def _next(out: Path, schema: Schema) -> str:
    label = f" --label {schema.labels[0]}" if schema.labels else ""
    knob = next((p for p in schema.parameters if p.label in (None, *schema.labels[:1])), None)
    turn = f" --set {knob.name}={knob.low:g}:{knob.high:g}" if knob else ""
    lines = [
        f"smalti generate {out}/model{label}{turn} --seconds 10 --to new.wav",
        f"smalti reconstruct {out}/codec my-sound.wav --to heard-again",
        f"smalti encode {out}/codec my-sound.wav --to my-sound.smt",
        f"smalti evaluate codec {out}/codec --data my-manifest.csv --json",
        f"smalti search {out}/search/index my-sound.wav",
        "smalti train synthformer/tiny --data my-tokens --out my-model train.steps=5000",
        "smalti demo my-folder-of-sounds --out mine",
    ]
    return page.section(
        "Go on", "The runs are in this folder; any of these commands works on them.", page.commands(lines)
    )


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)
