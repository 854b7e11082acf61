"""Many recordings ↔ one token store, which also keeps what is needed to hear it again: STORE/tokenizer."""

import shutil
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.audio import read
from smalti.core import Audio, Codec, DataError, ParameterError, Tokenizer, TokenSpec, fitted, lacks_memory
from smalti.data.given_codes import holds_codes, read_codes
from smalti.data.manifest import SCHEMA, TRACKS, Manifest
from smalti.features import is_picture
from smalti.nn.threads import spread
from smalti.store import TokenStore, refusal, replace_folder, write_bytes, write_store
from smalti.transcode.files import Progress, no_progress, write_decoded
from smalti.transcode.names import wav_paths
from smalti.transcode.pictures import PictureTokenizer, given_picture
from smalti.transcode.reports import TranscodeReport, report
from smalti.transcode.versions import RECORDING, SHIFT, versions, write_version_tracks

TOKENIZER = "tokenizer"
_RUN = ("config.toml", "weights.safetensors")
_FILES = (*_RUN, *(f"encoder/{name}" for name in _RUN))  # a tokenizer of clusters keeps the encoder it hears with
_PRETRAINED = ("config.json", "model.safetensors")  # of a codec of `transformers`
_SLACK_SECONDS = 0.01  # that a manifest's rounding may be off


@torch.no_grad()
def encode_store(
    tokenizer: Tokenizer,
    manifest: Manifest,
    to: Path,
    *,
    shifts: int = 1,
    run: Path | None = None,
    batch: int = 8,
    progress: Progress = no_progress,
) -> TranscodeReport:
    """Encode the recordings of a manifest into a token store; interrupted, it continues to the same bytes.

    A recording that cannot be read, or is not as long as the manifest says, is listed and left out. Of a file of codes
    (`.dac`) the first codebooks are taken, as many as the tokenizer has.

    Args:
        shifts: tokenisations of each training clip, the k-th without its first k · hop / shifts samples.
        run: the tokenizer's own run folder, of which the store then keeps what decoding needs.
        batch: clips encoded together.
        progress: told (clips done, clips in all).
    Raises:
        DataError: if the manifest does not say the seconds of each recording.
        ParameterError: if the memory does not suffice for a recording, all by itself.
        SpecError, StoreError: as `smalti.store.write_store`.
    """
    begin, spec = time.perf_counter(), tokenizer.spec
    clips = versions(manifest, spec, shifts=shifts)
    with _scratch() as folder:
        tracks = folder / TRACKS
        moving = write_version_tracks(manifest, clips, tracks, sample_rate=spec.sample_rate)
        written = write_store(
            to,
            spec,
            clips,
            lambda rows: list(_encoded(tokenizer, manifest, clips.take(pa.array(rows)), batch)),
            tracks=tracks if moving else None,
            progress=progress,
        )
    _keep(manifest.root / SCHEMA, to / SCHEMA)
    if run is not None:
        copy_tokenizer(run, to)
    failed = dict(written.failed)
    rows = zip(clips["path"].to_pylist(), clips["samples"].to_pylist(), strict=True)
    samples = sum(length for path, length in rows if path not in failed)
    reasons = tuple({"path": path, "reason": reason} for path, reason in failed.items())
    return report(spec, files=written.clips, samples=samples, begin=begin, failed=reasons)


@torch.no_grad()
def decode_store(codec: Codec, store: TokenStore, to: Path, *, progress: Progress = no_progress) -> TranscodeReport:
    """Decode every clip of a store to a .wav below `to`; shifted versions of a clip are left out.

    Args:
        codec: of the tokens, or any view of it.
        progress: told (clips done, clips in all).
    Raises:
        SpecError: if the tokens are another codec's; before anything is decoded.
        ParameterError: if two clips would become one file.
        StoreError: if a shard is damaged or a recording cannot be written.
    """
    begin, spec = time.perf_counter(), store.spec
    codec = fitted(codec, spec, f"the tokens in {store.folder}")
    paths = store.clips["path"].to_pylist()
    shifts = store.clips[SHIFT].to_pylist() if SHIFT in store.clips.column_names else [0] * len(paths)
    rows = [row for row, shift in enumerate(shifts) if not shift]
    samples = 0
    for done, (row, target) in enumerate(zip(rows, wav_paths(to, [paths[row] for row in rows]), strict=True), start=1):
        tokens = store.tokens(row)
        write_decoded(codec, [tokens.codes[0]], target, samples=int(tokens.lengths[0]))
        samples += int(tokens.lengths[0])
        progress(done, len(rows))
    return report(spec, files=len(rows), samples=samples, begin=begin)


def copy_tokenizer(run: Path, to: Path) -> None:
    """Keep a tokenizer's settings and weights in `to/tokenizer`, complete or not at all.

    Raises:
        StoreError: if there is no space left.
    """
    _copy(run, to / TOKENIZER, (*_FILES, *_PRETRAINED))


def copy_run(run: Path, target: Path) -> None:
    """Keep what inference needs of a run in another folder, complete or not at all.

    Raises:
        StoreError: if there is no space left.
    """
    _copy(run, target, _FILES)


def _copy(run: Path, target: Path, names: Sequence[str]) -> None:
    files = [name for name in names if (run / name).is_file()]
    if all((target / name).is_file() and _same(run / name, target / name) for name in files):
        return
    with replace_folder(target, size=sum((run / name).stat().st_size for name in files)) as temp:
        for name in files:
            (temp / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(run / name, temp / name)


@contextmanager
def _scratch() -> Generator[Path, None, None]:
    """A folder for what is needed on the way.

    Raises:
        StoreError: if there is no room for one.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix="smalti-")
    except OSError as error:
        raise refusal(error, Path(tempfile.gettempdir()), "a few bytes") from error
    with made as folder:
        yield Path(folder)


def _keep(source: Path, target: Path) -> None:
    if source.is_file():
        write_bytes(target, source.read_bytes())


def _same(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()


def _encoded(
    tokenizer: Tokenizer, manifest: Manifest, clips: pa.Table, batch: int
) -> Iterator[Int64[Tensor, "codebook _"] | str]:
    """Codes of each clip, or why it has none; a batch at a time."""
    rows = clips.select([RECORDING, SHIFT, "samples"]).to_pylist()
    spec = tokenizer.spec

    def encoded(group: list[dict[str, Any]]) -> list[Tensor | str]:
        try:
            return together(group)
        except (MemoryError, RuntimeError) as error:
            if not lacks_memory(error):
                raise
        if len(group) > 1:
            return [one for row in group for one in encoded([row])]
        seconds, path = group[0]["samples"] / spec.sample_rate, group[0][RECORDING]
        said = f"the memory does not suffice for {path} of {seconds:.1f} s"
        raise ParameterError(f"{said}; cut it in shorter clips, or encode it alone to a .smt file")

    def together(group: list[dict[str, Any]]) -> list[Tensor | str]:
        found: dict[int, Tensor | str] = {}
        drawn = [place for place, row in enumerate(group) if is_picture(row[RECORDING])]
        coded = [place for place, row in enumerate(group) if holds_codes(row[RECORDING])]
        for places, read_one, encode in (
            (drawn, partial(_picture, tokenizer), partial(_picture_codes, tokenizer)),
            (coded, _codes, list[Tensor]),
            (sorted({*range(len(group))} - {*drawn, *coded}), _wave, partial(_sound_codes, tokenizer)),
        ):
            given = {place: read_one(manifest.root / group[place][RECORDING], group[place], spec) for place in places}
            found |= {place: said for place, said in given.items() if isinstance(said, str)}
            good = {place: one for place, one in given.items() if not isinstance(one, str)}
            found |= dict(zip(good, encode(list(good.values())) if good else [], strict=True))
        return [found[place] for place in range(len(group))]

    for found in spread(encoded, [rows[first : first + batch] for first in range(0, len(rows), batch)]):
        yield from found


def _sound_codes(tokenizer: Tokenizer, waves: list[Tensor]) -> list[Tensor]:
    batch = Audio.batch([Audio.single(wave, tokenizer.spec.sample_rate) for wave in waves])
    return [item.codes[0] for item in tokenizer.encode(batch).items()]


def _picture_codes(tokenizer: Tokenizer, pictures: list[Tensor]) -> list[Tensor]:
    return [item.codes[0] for item in cast(PictureTokenizer, tokenizer).encode_pictures(pictures).items()]


def _picture(tokenizer: Tokenizer, path: Path, row: dict[str, Any], spec: TokenSpec) -> Tensor | str:
    return given_picture(tokenizer, path, shift=row[SHIFT], samples=row["samples"])


def _codes(path: Path, row: dict[str, Any], spec: TokenSpec) -> Tensor | str:
    try:
        return read_codes(path, spec, samples=row["samples"])
    except DataError as error:
        return str(error)


def _wave(path: Path, row: dict[str, Any], spec: TokenSpec) -> Float[Tensor, " sample"] | str:
    """Exactly the samples that the clip table promises, or why there are none."""
    shift, samples, sample_rate = row[SHIFT], row["samples"], spec.sample_rate
    try:
        wave = read(path, sample_rate=sample_rate).samples[0]
    except DataError as error:
        return str(error)
    if abs(len(wave) - shift - samples) > _SLACK_SECONDS * sample_rate:
        found, wanted = len(wave) / sample_rate, (shift + samples) / sample_rate
        return f"{path} holds {found:.3f} s, its manifest says {wanted:.3f} s; prepare it again"
    wave = wave[shift : shift + samples]
    return torch.nn.functional.pad(wave, (0, samples - len(wave)))
