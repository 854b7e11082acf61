"""Hear what a codec leaves of a sound: encode and decode recordings, keep the result, and measure each."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.audio import AudioWriter, blocks
from smalti.core import Codec, DataError, reasons
from smalti.evaluate.yardstick import log_mel_l1_db
from smalti.quantize import codebook_usage, perplexity
from smalti.transcode.files import Progress, no_progress
from smalti.transcode.names import wav_paths
from smalti.transcode.streams import decoder_stream, encoder_stream

_PIECE_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    """One recording: where its reconstruction lies, and what it cost.

    Attributes:
        path, to: the original and what was written.
        seconds: of sound.
        bitrate: bits per second of sound, before entropy coding.
        log_mel_l1_db: distance in dB; of a recording longer than five minutes, the mean over pieces of five minutes.
        encode_real_time_factor, decode_real_time_factor: seconds of work per second of sound.
    """

    path: str
    to: str
    seconds: float
    bitrate: float
    log_mel_l1_db: float
    encode_real_time_factor: float
    decode_real_time_factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconstructReport:
    """All recordings: each alone, those that could not be read, how the codes are used, and the time it all took."""

    per_file: tuple[Reconstruction, ...]
    failed: tuple[dict[str, str], ...]
    perplexity: tuple[float, ...]
    codebook_usage: tuple[float, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The report as the command line prints it; distances and bit rate are means over files."""
        audio_seconds = sum(one.seconds for one in self.per_file)
        means = ("log_mel_l1_db", "bitrate", "encode_real_time_factor", "decode_real_time_factor")
        return {
            "files": len(self.per_file),
            "failed": list(self.failed),
            "audio_seconds": audio_seconds,
            "seconds": self.seconds,
            "real_time_factor": self.seconds / audio_seconds,
            **{name: fmean(getattr(one, name) for one in self.per_file) for name in means},
            "perplexity": list(self.perplexity),
            "codebook_usage": list(self.codebook_usage),
            "per_file": [asdict(one) for one in self.per_file],
        }


@torch.no_grad()
def reconstruct(
    codec: Codec, paths: Sequence[Path], to: Path, *, progress: Progress = no_progress
) -> ReconstructReport:
    """Write what the codec makes of each recording below `to` as .wav, in blocks, and measure it on the yardstick.

    Args:
        progress: told (files done, files in all).
    Raises:
        DataError: if none of the recordings can be read.
        ParameterError: if two would have the same name in `to`.
        StoreError: if a result cannot be written.
    """
    begin = time.perf_counter()
    done: list[Reconstruction] = []
    failed: list[dict[str, str]] = []
    codes: list[Tensor] = []
    for path, target in zip(paths, wav_paths(to, paths), strict=True):
        try:
            one, used = _one(codec, path, target)
            done.append(one)
            codes.append(used)
        except DataError as error:
            failed.append({"path": str(path), "reason": str(error)})
        progress(len(done) + len(failed), len(paths))
    if not done:
        raise DataError(reasons(failed) or "found no recording; name one or more")
    used, vocab = torch.cat(codes, dim=1), codec.spec.vocab
    return ReconstructReport(
        per_file=tuple(done),
        failed=tuple(failed),
        perplexity=tuple(perplexity(used, vocab).tolist()),
        codebook_usage=tuple(codebook_usage(used, vocab).tolist()),
        seconds=time.perf_counter() - begin,
    )


def _one(codec: Codec, path: Path, to: Path) -> tuple[Reconstruction, Int64[Tensor, "codebook frame"]]:
    rate, trip = codec.spec.sample_rate, _Trip(codec)
    source = blocks(path, sample_rate=rate)
    first = next(source)  # what cannot be read leaves no folder behind
    to.parent.mkdir(parents=True, exist_ok=True)
    with AudioWriter(to, rate) as writer:
        for block in chain([first], source):
            writer.push(trip.push(block))
        writer.push(trip.flush())
    return Reconstruction(
        path=str(path),
        to=str(to),
        seconds=trip.samples / rate,
        bitrate=codec.spec.bitrate,
        log_mel_l1_db=trip.distance(),
        encode_real_time_factor=trip.encode_seconds * rate / trip.samples,
        decode_real_time_factor=trip.decode_seconds * rate / trip.samples,
    ), torch.cat(trip.codes, dim=1)


class _Trip:
    """One recording on its way through the codec: what went in waits until what comes out has caught up."""

    def __init__(self, codec: Codec) -> None:
        self._rate = codec.spec.sample_rate
        self._encoder, self._decoder = encoder_stream(codec), decoder_stream(codec)
        self._original, self._heard = torch.zeros(0), torch.zeros(0)
        self._pieces: list[tuple[float, int]] = []
        self.codes: list[Tensor] = []
        self.samples = self._out = 0
        self.encode_seconds = self.decode_seconds = 0.0

    def push(self, block: Float[Tensor, " sample"]) -> Float[Tensor, " heard"]:
        self.samples += len(block)
        self._original = torch.cat([self._original, block])
        begin = time.perf_counter()
        codes = self._encoder.push(block)
        self.encode_seconds += time.perf_counter() - begin
        return self._hear(codes, last=False)

    def flush(self) -> Float[Tensor, " heard"]:
        begin = time.perf_counter()
        codes = self._encoder.flush()
        self.encode_seconds += time.perf_counter() - begin
        return self._hear(codes, last=True)

    def distance(self) -> float:
        """Mean over pieces, each by its length."""
        if len(self._original):
            self._measure(len(self._original))
        return sum(decibels * length for decibels, length in self._pieces) / self.samples

    def _hear(self, codes: Int64[Tensor, "codebook frame"], *, last: bool) -> Float[Tensor, " heard"]:
        self.codes.append(codes)
        begin = time.perf_counter()
        heard = self._decoder.push(codes)
        if last:
            heard = torch.cat([heard, self._decoder.flush()])
        self.decode_seconds += time.perf_counter() - begin
        heard = heard[: self.samples - self._out]
        self._out += len(heard)
        self._heard = torch.cat([self._heard, heard])
        size = _PIECE_SECONDS * self._rate
        while min(len(self._heard), len(self._original)) >= 2 * size:  # the last piece is never a short one
            self._measure(size)
        return heard

    def _measure(self, size: int) -> None:
        distance = log_mel_l1_db(self._original[:size], self._heard[:size], self._rate)
        self._pieces.append((distance, size))
        self._original, self._heard = self._original[size:].clone(), self._heard[size:].clone()
