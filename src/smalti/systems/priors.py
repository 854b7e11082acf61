"""Semantic priors by the names of an encoder and of manifests."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smalti.data.manifest import Manifest
from smalti.data.waveforms import ManifestRecordings
from smalti.systems.encoders import named_encoder
from smalti.systems.hearing import RunName
from smalti.train.prior import fit_prior, save_prior
from smalti.transcode.files import Progress, no_progress


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorReport:
    """What was learnt.

    Attributes:
        file: where it lies.
        encoder: whose frames were clustered.
        vocab: centres.
        dim: numbers of each.
        frames: heard, in all passes.
        left: share of their variance that the centres leave unexplained.
        failed: path and reason of each recording that could not be read.
        audio_seconds: of sound.
        seconds, real_time_factor: taken, and per second of sound.
    """

    file: Path
    encoder: str
    vocab: int
    dim: int
    frames: int
    left: float
    failed: tuple[dict[str, str], ...]
    audio_seconds: float
    seconds: float
    real_time_factor: float


def learn_prior(
    encoder: RunName,
    data: Sequence[Path],
    *,
    to: Path,
    vocab: int = 2048,
    layer: int | None = None,
    passes: int = 1,
    seed: int = 0,
    progress: Progress = no_progress,
) -> PriorReport:
    """Cluster an encoder's frames of the recordings for training, and keep the centres in a file.

    Args:
        encoder: as of `named_encoder`.
        data: manifests; several share the centres equally.
        to: a .safetensors file.
        vocab: centres in all.
        layer: of a model of `transformers`.
        passes: over all recordings.
        seed: of order and start.
        progress: told (pieces done, in all).
    Raises:
        ParameterError, DataError, StoreError, SpecError: as of `named_encoder`, `fit_prior` and `save_prior`.
    """
    begin, named = time.perf_counter(), named_encoder(encoder, layer=layer)
    rate = named.encoder.sample_rate
    fitted = fit_prior(
        named.encoder,
        [ManifestRecordings(Manifest.read(one), rate) for one in data],
        name=named.name,
        fingerprint=named.fingerprint,
        vocab=vocab,
        passes=passes,
        seed=seed,
        progress=progress,
    )
    save_prior(to, fitted.prior)
    seconds = time.perf_counter() - begin
    return PriorReport(
        file=to,
        encoder=named.name,
        vocab=vocab,
        dim=named.encoder.dim,
        frames=fitted.frames,
        left=fitted.left,
        failed=fitted.failed,
        audio_seconds=fitted.audio_seconds,
        seconds=seconds,
        real_time_factor=seconds / fitted.audio_seconds,
    )
