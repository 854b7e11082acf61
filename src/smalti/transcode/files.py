"""One recording ↔ one token file, in blocks: an hour needs no more memory than a minute."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from smalti.audio import AudioFile, AudioWriter, blocks
from smalti.core import Codec, Tokenizer, fitted
from smalti.store import SmtReader, SmtWriter
from smalti.transcode.reports import TranscodeReport, report
from smalti.transcode.streams import decoder_stream, encoder_stream

Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Tell nobody."""


@torch.no_grad()
def encode_file(tokenizer: Tokenizer, path: Path, to: Path, *, progress: Progress = no_progress) -> TranscodeReport:
    """Encode a recording of any length, rate and channels to a .smt file, which appears when it is complete.

    Args:
        progress: told (samples done, samples in all as far as the file says).
    Raises:
        DataError: if the recording cannot be read.
        StoreError: if the file cannot be written.
    """
    begin, spec, samples = time.perf_counter(), tokenizer.spec, 0
    total = _promised(path, spec.sample_rate)
    stream = encoder_stream(tokenizer)
    with SmtWriter(to, spec) as writer:
        for block in blocks(path, sample_rate=spec.sample_rate):
            samples += len(block)
            writer.append(stream.push(block))
            progress(samples, max(total, samples))
        writer.append(stream.flush())
        writer.finish(samples=samples)
    return report(tokenizer.spec, files=1, samples=samples, begin=begin)


@torch.no_grad()
def decode_file(codec: Codec, path: Path, to: Path, *, progress: Progress = no_progress) -> TranscodeReport:
    """Decode a .smt file to a recording whose suffix names the format; exactly the samples that went in.

    Args:
        codec: of the tokens, or any view of it.
        progress: told (samples done, samples in all).
    Raises:
        SpecError: if the tokens are another codec's; before anything is decoded.
        StoreError: if the file is damaged or the recording cannot be written.
    """
    begin = time.perf_counter()
    with SmtReader(path) as reader:
        codec = fitted(codec, reader.spec, f"the tokens in {path}")
        write_decoded(codec, reader.blocks(), to, samples=reader.samples, progress=progress)
    return report(codec.spec, files=1, samples=reader.samples, begin=begin)


@torch.no_grad()
def write_decoded(
    codec: Codec,
    codes: Iterable[Int64[Tensor, "codebook _"]],
    to: Path,
    *,
    samples: int,
    progress: Progress = no_progress,
) -> None:
    """Decode blocks of codes of `codec` to a recording of so many samples, written as it goes.

    Raises:
        StoreError: if it cannot be written.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    stream, left = decoder_stream(codec), samples
    with AudioWriter(to, codec.spec.sample_rate) as writer:
        for block in codes:
            heard = stream.push(block)[:left]
            writer.push(heard)
            left -= len(heard)
            progress(samples - left, samples)
        writer.push(stream.flush()[:left])


def _promised(path: Path, sample_rate: int) -> int:
    with AudioFile(path, whole=False) as file:
        return (file.frames or 0) * sample_rate // file.sample_rate
