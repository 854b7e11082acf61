"""Scores of codecs and vocoders by the name of a run, on the recordings of a manifest."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smalti.core import Audio
from smalti.data.manifest import Manifest
from smalti.evaluate import (
    evaluate_codec,
    evaluate_vocoder,
    opus_peer,
)
from smalti.nn.griffin_lim import GriffinLimVocoder
from smalti.systems.hearing import RunName
from smalti.systems.registry import load_codec, load_vocoder
from smalti.systems.show import SaysItsSize
from smalti.systems.sources import held_rows, sound_pieces, sounds
from smalti.transcode.files import Progress, no_progress

_OPUS = {"opus_6k": 6000, "opus_8k": 8000}  # bit/s


def score_codec(run: RunName, data: Path, *, split: str = "", progress: Progress = no_progress) -> dict[str, Any]:
    """Scores of a codec on recordings, beside Opus at 6 and 8 kbit/s; recordings that cannot be read are listed.

    A recording longer than 20 s is heard anew every 20 s; its distances are means over these pieces.

    Args:
        run: a codec's run folder or shipped name, maybe with a rate or a vocoder.
        data: a manifest.
        split: rows to hear; if empty, the test rows if there are any, else all.
        progress: told (recordings done, in all).
    Raises:
        DataError: if none can be read.
        StoreError, SpecError: if the run cannot be used.
    """
    begin = time.perf_counter()
    codec, manifest = load_codec(run), held_rows(Manifest.read(data), split)
    failed: list[dict[str, str]] = []
    names = manifest.table["path"].to_pylist()
    clips = ((names[row], audio) for row, audio in sound_pieces(manifest, codec.spec.sample_rate, failed))
    labels = {name: label for name, label in zip(names, manifest.labels(), strict=True) if label}
    peers = {name: peer for name, rate in _OPUS.items() if (peer := opus_peer(rate))}
    report = evaluate_codec(
        codec, clips, labels=labels, peers=peers, progress=lambda done: progress(done, manifest.rows)
    ).to_json()
    seconds = time.perf_counter() - begin
    spent = {"failed": failed, "seconds": seconds, "real_time_factor": seconds / report["audio_seconds"]}
    return {**report, **spent}


def score_vocoder(run: str | Path, data: Path, *, split: str = "", progress: Progress = no_progress) -> dict[str, Any]:
    """Scores of a vocoder on recordings, beside Griffin-Lim on the same; recordings that cannot be read are listed.

    Arguments and errors as of `score_codec`.
    """
    begin = time.perf_counter()
    vocoder, manifest = load_vocoder(run), held_rows(Manifest.read(data), split)
    failed: list[dict[str, str]] = []
    clips = _clips(manifest, vocoder.picture.sample_rate, failed)
    peers = {"griffin_lim": GriffinLimVocoder(vocoder.picture)}
    report = evaluate_vocoder(vocoder, clips, peers=peers, progress=lambda done: progress(done, manifest.rows))
    size = {"parameter_count": vocoder.parameter_count} if isinstance(vocoder, SaysItsSize) else {}
    return {**report.to_json(), **size, "failed": failed, "seconds": time.perf_counter() - begin}


def _clips(manifest: Manifest, sample_rate: int, failed: list[dict[str, str]]) -> Iterator[tuple[str, Audio]]:
    names = manifest.table["path"].to_pylist()
    return ((names[row], audio) for row, audio in sounds(manifest, sample_rate, failed))
