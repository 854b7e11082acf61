"""Recordings ↔ `.dac` files, through a codec that can do without padding.

The file keeps what its codec never hears: the level of the sound, which is brought to -16 LUFS before it is encoded and
back afterwards, its rate and its length.

Source: descript-audio-codec 1.0.0, `compress` and `decompress`.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.audio import AudioWriter, at_loudness, loudness, read, resample
from smalti.core import Audio, Codec, DataError, ParameterError, SpecError, Tokenizer, fitted
from smalti.store import DacFile, read_dac, write_dac
from smalti.transcode.files import Progress, no_progress
from smalti.transcode.streams import decoder_stream, encoder_stream

_LEVEL = -16.0  # LUFS, at which sound is encoded
_SLACK_FRAMES, _SLACK_SHARE = 2, 0.05  # by which the length of codes may differ from that of the sound
_BLOCK_SECONDS = 10
UNNAMED = "a .dac file does not say which model its codes are of: of another one they sound like noise"


@runtime_checkable
class ChunkCodec(Codec, Protocol):
    """A codec that can also do without padding, in chunks."""

    def encode_chunks(
        self, samples: Float[Tensor, " sample"], *, seconds: float
    ) -> Int64[Tensor, "chunk codebook frame"]:
        """Codes of a sound in chunks that overlap in time, each of so many seconds of it."""
        ...

    def chunk_samples(self, frames: int) -> int:
        """Samples that a chunk of so many frames decodes to.

        Raises:
            ParameterError: if that is none.
        """
        ...

    def decode_chunks(self, codes: Int64[Tensor, "chunk codebook frame"]) -> Float[Tensor, " sample"]:
        """The sound of chunks, one after the other; at least as long as what went in."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DacReport:
    """Work on a `.dac` file.

    Attributes:
        files: that were done.
        failed: none; a file that cannot be used is refused.
        audio_seconds: of sound that went through.
        seconds: that it took.
        real_time_factor: seconds of work per second of sound: below one is faster than real time.
        bitrate: bits per second of sound, before entropy coding.
        codebooks: of the codes.
        chunks: that they are in.
        input_db: loudness of the sound that went in, in LUFS.
        warning: what the file cannot say.
    """

    files: int = 1
    failed: tuple[dict[str, str], ...] = ()
    audio_seconds: float
    seconds: float
    real_time_factor: float
    bitrate: float
    codebooks: int
    chunks: int
    input_db: float
    warning: str = UNNAMED


@torch.no_grad()
def encode_dac(
    tokenizer: Tokenizer, path: Path, to: Path, *, window: float | None = None, progress: Progress = no_progress
) -> DacReport:
    """Encode a recording, mixed to one channel, to a `.dac` file that descript-audio-codec reads. It lies in memory.

    Args:
        tokenizer: a codec of `.dac` files, or a view of it that uses fewer codebooks.
        window: seconds of a chunk, as published files have them of longer sounds; None: one chunk, padded, which takes
            fewer bits and whose frames tell the time.
        progress: told (samples done, samples in all).
    Raises:
        SpecError: if the codec cannot do without padding, as `.dac` files ask.
        ParameterError: if windows are too short.
        DataError: if the recording cannot be read or holds no sound.
        StoreError: if the file cannot be written.
    """
    begin, codec = time.perf_counter(), _able(tokenizer)
    sound = read(path)
    if not sound.samples.numel():
        raise DataError(f"{path}: holds no sound, which a .dac file cannot keep; leave it out")
    heard = resample(sound, codec.spec.sample_rate).samples
    level = loudness(heard, codec.spec.sample_rate)
    loud = at_loudness(heard, codec.spec.sample_rate, _LEVEL)
    loud = (loud / loud.abs().max().clamp_min(1))[0]
    chunked = window is not None and len(loud) > window * codec.spec.sample_rate
    codes = codec.encode_chunks(loud, seconds=window) if window and chunked else _whole(codec, loud, progress)[None]
    clip = DacFile(
        codes=codes.permute(1, 0, 2).flatten(1)[None],
        sample_rate=sound.sample_rate,
        original_length=sound.samples.shape[1],
        chunk_length=codes.shape[2],
        input_db=level,
        padding=not chunked,
    )
    write_dac(to, clip)
    return _report(codec, clip, begin)


@torch.no_grad()
def decode_dac(codec: Codec, path: Path, to: Path, *, progress: Progress = no_progress) -> DacReport:
    """Decode a `.dac` file to a recording as loud, long and fast as the sound that went in. It lies in memory.

    Several channels are mixed to one. Files of fewer codebooks than the codec has are decoded with the first ones.

    Args:
        codec: of the file; the file does not say which that is.
        progress: told (samples done, samples in all).
    Raises:
        SpecError: if codebooks, codes or lengths cannot be this codec's; before anything is decoded.
        StoreError: if the file is damaged or the recording cannot be written.
    """
    begin = time.perf_counter()
    clip = read_dac(path, vocab=codec.spec.vocab)
    able = _able(fitted(codec, replace(codec.spec, codebooks=clip.codes.shape[1]), f"the codes in {path}"))
    rate = able.spec.sample_rate
    _require_length(able, clip, path)
    channels = torch.stack([_sound(able, clip, channel, progress) for channel in clip.codes])
    mixed = at_loudness(channels, rate, clip.input_db).mean(0)
    heard = resample(Audio.single(mixed, rate), clip.sample_rate).samples[0, : clip.original_length]
    to.parent.mkdir(parents=True, exist_ok=True)
    with AudioWriter(to, clip.sample_rate) as writer:
        writer.push(torch.nn.functional.pad(heard, (0, clip.original_length - len(heard))))
    return _report(able, clip, begin)


def _able(codec: Tokenizer) -> ChunkCodec:
    if not isinstance(codec, ChunkCodec):
        found = f"found a tokenizer of {codec.spec.sample_rate} Hz and {codec.spec.codebooks} codebooks"
        raise SpecError(f"{found} that is no DAC, whose files .dac are; name a dac run, or use a .smt file")
    return codec


def _require_length(codec: ChunkCodec, clip: DacFile, path: Path) -> None:
    """Refuse codes that cannot be as long as their sound: they were made with another hop or rate."""
    spec = codec.spec
    try:
        unit = spec.hop if clip.padding else codec.chunk_samples(clip.chunk_length)
    except ParameterError as error:
        raise SpecError(f"{path} holds no codes of this codec: {error}") from None
    found = unit * (clip.codes.shape[2] if clip.padding else clip.chunks)
    wanted = clip.seconds * spec.sample_rate
    slack = _SLACK_FRAMES * spec.hop + _SLACK_SHARE * wanted
    if not wanted - slack <= found <= wanted + unit + slack:
        raise SpecError(
            f"{path} holds {clip.seconds:.2f} s of sound, at this codec's {spec.frame_rate:.1f} frames a second its "
            f"codes are {found / spec.sample_rate:.2f} s; name the run of the model that made them"
        )


def _whole(codec: ChunkCodec, samples: Float[Tensor, " sample"], progress: Progress) -> Int64[Tensor, "codebook _"]:
    """Codes of a sound in one piece."""
    stream, codes, done = encoder_stream(codec), list[Tensor](), 0
    for block in samples.split(_BLOCK_SECONDS * codec.spec.sample_rate):
        codes.append(stream.push(block))
        progress(done := done + len(block), len(samples))
    return torch.cat([*codes, stream.flush()], dim=1)


def _sound(
    codec: ChunkCodec, clip: DacFile, codes: Int64[Tensor, "codebook frame"], progress: Progress
) -> Float[Tensor, " sample"]:
    """What the codes of one channel decode to, before it is cut to length."""
    chunks = codes.unflatten(1, (clip.chunks, clip.chunk_length)).transpose(0, 1)
    if not clip.padding:
        return codec.decode_chunks(chunks)
    sounds: list[Tensor] = []
    for done, chunk in enumerate(chunks, start=1):
        sounds.extend(_padded(codec, chunk))
        progress(done, clip.chunks)
    return torch.cat(sounds)


def _padded(codec: ChunkCodec, chunk: Int64[Tensor, "codebook frame"]) -> Iterator[Float[Tensor, " _"]]:
    stream = decoder_stream(codec)
    for block in chunk.split(math.ceil(_BLOCK_SECONDS * codec.spec.frame_rate), dim=1):
        yield stream.push(block)
    yield stream.flush()


def _report(codec: ChunkCodec, clip: DacFile, begin: float) -> DacReport:
    seconds = time.perf_counter() - begin
    return DacReport(
        audio_seconds=clip.seconds,
        seconds=seconds,
        real_time_factor=seconds / clip.seconds,
        bitrate=clip.codes.numel() * math.log2(codec.spec.vocab) / clip.seconds,
        codebooks=clip.codes.shape[1],
        chunks=clip.chunks,
        input_db=clip.input_db,
    )
