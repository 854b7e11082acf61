"""What a file or folder is, in facts; and whether it is whole."""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from smalti import store
from smalti.audio import inspect, shown
from smalti.core import (
    Codec,
    CodecViews,
    DataError,
    Encoder,
    LanguageModel,
    LatentLM,
    LayeredEncoder,
    SmaltiError,
    StoreError,
    Tokenizer,
    TokenLM,
    TokenSpec,
)
from smalti.data.manifest import Manifest
from smalti.features import FrameLM, MelSettings, Vocoder, preset_of
from smalti.search import SearchIndex, is_index, load_contents, verify_index
from smalti.store import SmtReader, TokenStore, load_weights, read_dac
from smalti.store.dac_files import MOST_VOCAB
from smalti.systems.hearing import Heard, View
from smalti.systems.registry import (
    CONFIG,
    TOKENIZER,
    find_run,
    load,
    load_codec,
    load_language_model,
    load_tokenizer_of,
    system_of,
)
from smalti.train import RunFolder
from smalti.transcode import UNNAMED, PictureTokenizer, published_geometry

Facts = dict[str, Any]


@runtime_checkable
class SaysItsSize(Protocol):
    """A model that tells how many numbers it has learnt."""

    @property
    def parameter_count(self) -> int: ...


def show(path: Path, audio: Path | None = None, *, view: View | None = None) -> Facts:
    """Facts about a run, store, index, .smt or .dac file, manifest or recording, by their names on the command line.

    Args:
        path: what to describe.
        audio: a recording, for a codec's run: how it would see it.
        view: the rate of a codec that has several.
    Raises:
        StoreError: if nothing is there.
        DataError: if it is none of these.
        SpecError: if a recording or a rate is given and the run is no codec, or has one rate only.
        ParameterError: if it does not have this rate.
    """
    path = find_run(path)
    if view is not None:
        codec = load_codec(Heard(path, view=view))
        return {**show(path), "spec": _spec(codec.spec), **({"audio": _seen(codec, audio)} if audio else {})}
    if audio is not None:
        return {**show(path), "audio": _seen(load_codec(path), audio)}
    for kind, (is_one, describe) in _KINDS.items():
        if is_one(path):
            return {"kind": kind, "path": str(path), **describe(path)}
    if path.exists():
        raise DataError(
            f"{shown(path)} is a folder of another kind, wanted a run, a store, an index or a manifest's folder"
        )
    raise StoreError(f"{shown(path)} is not there; name a run, store, index, token file, manifest or recording")


def verify(path: Path) -> list[str]:
    """What is wrong with a run, token store, index, .smt or weights file; nothing if it is whole and its parts fit.

    Raises:
        StoreError: if it is none of these.
    """
    path = find_run(path)
    problems = verify_index(path) if is_index(path) else store.verify(path)
    if not problems and (path / TOKENIZER).is_dir():
        problems = _misfits(path)
    return problems


def _misfits(path: Path) -> list[str]:
    """A tokenizer that is not the one whose tokens lie or are generated here."""
    try:
        load_tokenizer_of(path / TOKENIZER, _spec_of(path))
    except SmaltiError as error:
        return [str(error)]
    return []


def _spec_of(path: Path) -> TokenSpec:
    if is_index(path):
        return load_contents(path).spec
    return TokenStore.open(path).spec if (path / "index.json").is_file() else load_language_model(path).spec


def _run(path: Path) -> Facts:
    run = RunFolder.open(path)
    lines = (
        [json.loads(line) for line in run.metrics_path.read_text("utf-8").splitlines()]
        if run.metrics_path.is_file()
        else []
    )
    metrics = next((line for line in reversed(lines) if line["kind"] == "evaluate"), {})
    facts: Facts = {
        "system": system_of(path),
        **({"loaded": load_weights(run.loaded_path).metadata} if run.loaded_path.is_file() else {}),
        "steps": max((line["step"] for line in lines), default=0),
        "metrics": {name: value for name, value in metrics.items() if name not in ("step", "kind")},
    }
    try:
        model = load(path)
    except StoreError as error:
        # a first stage is finished and yet no model
        return {**facts, "finished": run.weights_path.is_file(), "missing": str(error)}
    facts["finished"] = True
    if isinstance(model, SaysItsSize):
        facts["parameter_count"] = model.parameter_count
    if isinstance(model, Vocoder):
        return {**facts, **_vocoder(run, model)}
    if isinstance(model, Encoder):
        facts["frames"] = _frames(model)
    if isinstance(model, Tokenizer | LanguageModel):
        facts["spec"] = _spec(model.spec)
    if isinstance(model, CodecViews):
        facts["rates"] = _rates(model)
    if isinstance(model, LanguageModel):
        facts |= {"pattern": model.pattern} if isinstance(model, TokenLM) else {"window": model.window}
        if isinstance(model, LatentLM):
            seconds = model.heard * model.spec.hop / model.spec.sample_rate
            facts["latent"] = {"numbers": model.latent, "heard_seconds": seconds, "target_kl": model.target_kl}
    if isinstance(model, FrameLM):
        facts["picture"] = _picture(model.picture)
    if isinstance(model, LanguageModel | FrameLM):
        facts["labels"] = list(model.schema.labels)
        facts["parameters"] = [asdict(parameter) for parameter in model.schema.parameters]
    return facts


def _frames(encoder: Encoder) -> Facts:
    """What an encoder's vectors are."""
    rate = encoder.sample_rate
    own = {"sample_rate": rate, "hop": encoder.hop, "frame_rate": rate / encoder.hop, "dim": encoder.dim}
    return {**own, **({"layers": encoder.layers} if isinstance(encoder, LayeredEncoder) else {})}


def _rates(codec: CodecViews) -> list[Facts]:
    """Every rate of a codec: bits per second by how many of its codebooks are used."""
    depths = range(1, codec.most_codebooks + 1)
    views = [(window, [codec.at(window=window, codebooks=depth).spec for depth in depths]) for window in codec.windows]
    return [
        {
            "window": window,
            "frame_rate": specs[0].frame_rate,
            **{f"bitrate_{depth}": spec.bitrate for depth, spec in zip(depths, specs, strict=True)},
        }
        for window, specs in views
    ]


def _seen(codec: Codec, audio: Path) -> Facts:
    """What a codec makes of a recording."""
    spec, found = codec.spec, inspect(audio)
    samples = round(found.seconds * spec.sample_rate)
    facts: Facts = {"path": str(audio), "seconds": found.seconds, "sample_rate": found.sample_rate}
    if isinstance(codec, PictureTokenizer):
        facts |= published_geometry(codec.picture, spec)
    frames = spec.frames(samples)
    return {**facts, "whole": {"frames": frames, "tokens": frames * spec.codebooks}, "bitrate": spec.bitrate}


def _vocoder(run: RunFolder, model: Vocoder) -> Facts:
    return {"net": tomllib.loads(run.config())["model"]["net"], "picture": _picture(model.picture)}


def _picture(picture: MelSettings) -> Facts:
    return {"preset": preset_of(picture), **asdict(picture)}


def _token_store(path: Path) -> Facts:
    opened = TokenStore.open(path)
    samples = sum(opened.clips["samples"].to_pylist())
    return {
        "spec": _spec(opened.spec),
        "clips": len(opened),
        "failed": [{"path": name, "reason": reason} for name, reason in opened.failed],
        "audio_seconds": samples / opened.spec.sample_rate,
        "labels": sorted({label for label in Manifest(opened.clips, path).labels() if label}),
    }


def _search_index(path: Path) -> Facts:
    opened = SearchIndex.open(path)
    entries = list(opened.entries())
    return {
        "spec": _spec(opened.contents.spec),
        **asdict(opened.contents.settings),
        "recordings": len(entries),
        "passages": len(opened),
        "segments": len(opened.segments),
        "audio_seconds": sum(seconds for _, seconds in entries),
        "labels": sorted({entry.label for entry, _ in entries if entry.label}),
    }


def _tokens(path: Path) -> Facts:
    with SmtReader(path) as reader:
        return {
            "spec": _spec(reader.spec),
            "frames": reader.frames,
            "audio_seconds": (seconds := reader.samples / reader.spec.sample_rate),
            "file_bitrate": 8 * path.stat().st_size / seconds if seconds else 0.0,
        }


def _dac_file(path: Path) -> Facts:
    clip = read_dac(path, vocab=MOST_VOCAB)
    facts = {name: value for name, value in asdict(clip).items() if name != "codes"}
    return {
        "codebooks": clip.codes.shape[1],
        "frames": clip.codes.shape[2],
        "chunks": clip.chunks,
        **facts,
        "audio_seconds": clip.seconds,
        "file_bitrate": 8 * path.stat().st_size / clip.seconds,
        "warning": UNNAMED,
    }


def _manifest(path: Path) -> Facts:
    manifest = Manifest.read(path)
    schema = manifest.schema()
    splits = manifest.table["split"].to_pylist() if "split" in manifest.table.column_names else []
    known = "seconds" in manifest.table.column_names
    return {
        "files": manifest.rows,
        "audio_seconds": float(manifest.values("seconds").sum()) if known else None,
        "labels": list(schema.labels),
        "parameters": [asdict(parameter) for parameter in schema.parameters],
        "splits": {name: splits.count(name) for name in sorted({split for split in splits if split})},
    }


def _recording(path: Path) -> Facts:
    report = asdict(inspect(path))
    return {name: value for name, value in report.items() if name != "path"}


def _spec(spec: TokenSpec) -> Mapping[str, Any]:
    return {**asdict(spec), "frame_rate": spec.frame_rate, "bitrate": spec.bitrate}


def _has(*names: str) -> Callable[[Path], bool]:
    return lambda path: any((path / name).is_file() for name in names)


_KINDS: Mapping[str, tuple[Callable[[Path], bool], Callable[[Path], Facts]]] = {
    "run": (_has(CONFIG), _run),
    "index": (is_index, _search_index),
    "store": (_has("index.json"), _token_store),
    "tokens": (lambda path: path.is_file() and path.suffix == ".smt", _tokens),
    "dac": (lambda path: path.is_file() and path.suffix == ".dac", _dac_file),
    "manifest": (
        lambda path: path.suffix in (".csv", ".parquet") or _has("manifest.csv", "manifest.parquet")(path),
        _manifest,
    ),
    "recording": (Path.is_file, _recording),
}
