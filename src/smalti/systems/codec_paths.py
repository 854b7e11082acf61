"""Sounds between recordings, and recordings with another's timbre, through a codec whose latents can be heard."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from smalti.audio import read, write
from smalti.core import LatentCodec, ParameterError, nearest
from smalti.data.manifest import Manifest
from smalti.generate import LatentSound, between, centroid, gliding, latents_of, morphed, shifted, sound_of
from smalti.systems.routes import Passed, Route
from smalti.systems.sources import sounds

_STILL_SECONDS = 2.0  # of the mean of a label, which has no length of its own


def write_path(
    codec: LatentCodec, names: Sequence[str | Path], *, to: Path, route: Route, seconds: float | None
) -> Passed:
    """Write what lies on the way; each sound appears when it is complete.

    Args:
        codec: of the latents.
        names: recordings, or labels of `route.data`.
        to: a folder.
        route: which sounds.
        seconds: length of each, cut or repeated; None leaves recordings as they are, and gives a label that of the
            longest recording, or two seconds if there is none.
    Raises:
        ParameterError: for a name that is neither, or a glide from one recording to nowhere.
        DataError, StoreError: if a recording or the target cannot be used.
    """
    if seconds is not None and seconds <= 0:
        raise ParameterError(f"found {seconds:g} seconds, wanted more than none; give a length")
    failed: list[dict[str, str]] = []
    ends = _ends(codec, names, route, seconds, failed)
    if route.glide:
        made, shares, paths = iter([_glide(codec, ends, route)]), (), (to / "glide.wav",)
    else:
        made, paths = _steps(codec, ends, route), route.paths(to, len(ends))
        shares = tuple(leg + share for leg, share in route.legs(len(ends)))
    samples = 0
    for sound, path in zip(made, paths, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, sound_of(codec, sound, quantized=route.quantized))
        samples += sound.samples
    return Passed(paths=paths, shares=shares, seconds=samples / codec.sample_rate, failed=tuple(failed))


def _ends(
    codec: LatentCodec,
    names: Sequence[str | Path],
    route: Route,
    seconds: float | None,
    failed: list[dict[str, str]],
) -> list[LatentSound]:
    """Recordings and means of labels, in order."""
    known = Manifest.read(route.data) if route.data is not None else None
    asked = None if seconds is None else max(1, round(seconds * codec.sample_rate))
    found: list[LatentSound | None] = []
    for name in names:
        is_label = known is not None and not Path(name).is_file()
        found.append(None if is_label else latents_of(codec, read(name, sample_rate=codec.sample_rate)))
    longest = max((sound.samples for sound in found if sound), default=round(_STILL_SECONDS * codec.sample_rate))
    return [
        sound.lasting(asked or sound.samples)
        if sound is not None
        else _mean(codec, str(name), known, route.by, asked or longest, failed)
        for name, sound in zip(names, found, strict=True)
    ]


def _mean(
    codec: LatentCodec, label: str, manifest: Manifest | None, by: str, samples: int, failed: list[dict[str, str]]
) -> LatentSound:
    assert manifest is not None
    if by not in manifest.table.column_names:
        raise ParameterError(f"column {by!r} is unknown; {nearest(by, manifest.table.column_names)}")
    column = [None if value is None else str(value) for value in manifest.table[by].to_pylist()]
    rows = [row for row, value in enumerate(column) if value == label]
    if not rows:
        found = f"{label!r} is neither a recording nor a {by} of the manifest"
        raise ParameterError(f"{found}; {nearest(label, sorted({value for value in column if value}))}")
    heard = sounds(manifest.select(rows), codec.sample_rate, failed)
    return centroid([latents_of(codec, audio) for _, audio in heard], samples)


def _steps(codec: LatentCodec, ends: Sequence[LatentSound], route: Route) -> Iterator[LatentSound]:
    way = route.line("linear")
    for leg, share in route.legs(len(ends)):
        here, there = ends[leg], ends[min(leg + 1, len(ends) - 1)]
        if route.way == "shift":
            yield shifted(ends[0], between(here.mean, there.mean, share, way=way))
        else:
            yield morphed(here, there, share, hop=codec.hop, way=way)


def _glide(codec: LatentCodec, ends: Sequence[LatentSound], route: Route) -> LatentSound:
    if route.way == "shift":
        raise ParameterError("found a shift that glides, wanted one of them; leave --glide out, or the way")
    samples = max(sound.samples for sound in ends)
    return gliding(ends, samples=samples, hop=codec.hop, way=route.line("linear"))
