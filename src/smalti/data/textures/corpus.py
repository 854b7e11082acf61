"""A corpus of textures: clips on disk with their parameters in a manifest, measured as they are made."""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from smalti.audio import write
from smalti.core import Audio, Parameter
from smalti.data.manifest import TRACKS, Manifest, write_tracks
from smalti.data.textures.clips import estimate, render_clip
from smalti.data.textures.curves import CONTROL_RATE
from smalti.data.textures.plan import Order, orders
from smalti.data.textures.scores import Score, score
from smalti.data.textures.texture import Texture
from smalti.store import write_bytes


@dataclass(frozen=True, slots=True)
class TexturesReport:
    """What was rendered.

    Attributes:
        files: clips written.
        failed: always empty: a texture cannot fail; kept so that all reports read alike.
        audio_seconds: duration of all clips.
        seconds: spent rendering, on one thread, without measuring and writing.
        real_time_factor: seconds / audio_seconds.
        kinds: the labels.
        estimates: by parameter (`pistons.rate`), how well the sound tells what was asked; of clips that stand still.
    """

    files: int
    failed: tuple[dict[str, str], ...]
    audio_seconds: float
    seconds: float
    real_time_factor: float
    kinds: tuple[str, ...]
    estimates: dict[str, Score]


def textures(
    to: Path,
    *,
    clips: int,
    seconds: float,
    kinds: Sequence[str] | None = None,
    seed: int = 0,
    vary: Sequence[str] | None = None,
    sample_rate: int = 44_100,
    moving: float = 0.0,
) -> TexturesReport:
    """Render a corpus: FLAC files, `manifest.csv`, `schema.json` and `tracks.parquet`; equal arguments, equal bytes.

    Args:
        to: folder; files of the same names are replaced, the manifest last.
        clips: of each kind; the parameter that varies takes 21 even steps in its own scale, again and again.
        seconds: duration of a clip.
        kinds: names in TEXTURES; all by default.
        seed: of everything.
        vary: parameters that vary, bare or as `kind.name`, or ["all"]; each kind's main one by default. Kinds that have
            none of those named are left out.
        sample_rate: in Hz.
        moving: share of the clips in which the parameter glides or jumps; the manifest holds its mean.
    Raises:
        ParameterError: for a name that is unknown (says the nearest) or a number that cannot be.
        StoreError: if there is no space left.
    """
    ordered = orders(kinds, clips=clips, seconds=seconds, vary=vary, moving=moving, seed=seed)
    return write_corpus(to, ordered, seconds=seconds, sample_rate=sample_rate)


def write_corpus(
    to: Path, ordered: Sequence[Order], *, seconds: float, sample_rate: int, measured: bool = True
) -> TexturesReport:
    """Render exactly these clips; files, errors and report as of `textures`.

    Args:
        to: folder.
        ordered: the clips.
        seconds: duration of each.
        sample_rate: in Hz.
        measured: False leaves the estimators alone, which take as long as rendering; `estimates` is then empty.
    """
    columns = [p for texture, names in _varied(ordered).items() for p in texture.parameters if p.name in names]
    made = [_make(to, order, seconds=seconds, sample_rate=sample_rate, measured=measured) for order in ordered]
    _write_tables(to, made, columns)
    heard = {p.key: [m.heard[p.key] for m in made if p.key in m.heard] for p in columns}
    spent = sum(m.spent for m in made)
    total = len(made) * round(seconds * sample_rate) / sample_rate
    return TexturesReport(
        files=len(made),
        failed=(),
        audio_seconds=total,
        seconds=spent,
        real_time_factor=spent / total,
        kinds=tuple(dict.fromkeys(order.texture.name for order in ordered)),
        estimates={p.key: score(heard[p.key], unit=p.unit) for p in columns if heard[p.key]},
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """What stays of a clip in memory: its rows in the tables, (asked, measured) by parameter, seconds to render."""

    row: dict[str, object]
    tracks: list[dict[str, object]]
    heard: dict[str, tuple[float, float]]
    spent: float


def _varied(ordered: Sequence[Order]) -> dict[Texture, Iterable[str]]:
    return {order.texture: order.curves for order in ordered}


def _make(to: Path, order: Order, *, seconds: float, sample_rate: int, measured: bool) -> _Made:
    """Render, write and measure one clip."""
    kind = order.texture
    begun = time.perf_counter()
    clip = render_clip(kind.name, order.curves, seconds=seconds, sample_rate=sample_rate, seed=order.seed)
    spent = time.perf_counter() - begun
    (to / order.path).parent.mkdir(parents=True, exist_ok=True)
    write(to / order.path, Audio.single(clip.samples, sample_rate))
    row: dict[str, object] = {
        "path": order.path,
        "seconds": len(clip.samples) / sample_rate,
        "sample_rate": sample_rate,
        "channels": 1,
        "label": kind.name,
        "split": order.split,
    }
    row |= {name: clip.values[name] for name in order.curves}
    tracks: list[dict[str, object]] = [
        {"path": order.path, "name": name, "rate": CONTROL_RATE, "values": clip.tracks[name]} for name in order.curves
    ]
    still = () if order.moves or not measured else [name for name in order.curves if name in kind.estimate]
    heard = {kind.parameter(n).key: (clip.values[n], estimate(kind.name, n, clip.samples, sample_rate)) for n in still}
    return _Made(row, tracks, heard, spent)


def _write_tables(to: Path, made: Sequence[_Made], columns: Sequence[Parameter]) -> None:
    """The schema and the tracks, then the manifest: where it lies, all of it is there."""
    schema = {
        "labels": list(dict.fromkeys(str(m.row["label"]) for m in made)),
        "parameters": [asdict(p) for p in columns],
    }
    write_bytes(to / "schema.json", (json.dumps(schema, indent=2) + "\n").encode())
    write_tracks(to / TRACKS, [track for clip in made for track in clip.tracks])
    Manifest.from_rows([m.row for m in made], to).write(to / "manifest.csv")
