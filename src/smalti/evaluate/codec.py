"""Scores of a codec: how far its sound is from the original, what it costs in bits, codes and seconds.

Conventions: the yardstick is `log_mel_l1_db`, meant over files; perplexity and usage count the true frames of all
files; a real-time factor is seconds of work of one thread per second of audio, so below one is faster than real time.
Clips of one name that follow each other are pieces of one file, whose distances are their means, weighed by length.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import Audio, Codec, DataError, Tokens
from smalti.evaluate.distances import block_frames, picture_blocks, picture_distance, stft_distance
from smalti.evaluate.opus import Peer
from smalti.evaluate.reports import to_json
from smalti.evaluate.yardstick import log_mel_l1_db
from smalti.features import PictureCodec
from smalti.nn.threads import spread
from smalti.quantize import codebook_usage, perplexity

Clip = tuple[str, Audio]
_MOST_SECONDS = 20  # of sound heard together, unless one clip alone is longer


@dataclass(frozen=True, slots=True, kw_only=True)
class FileScore:
    """One file: its name, its distances, its length and, if known, its label."""

    path: str
    log_mel_l1_db: float
    multi_resolution_stft: float
    picture_l1_db: float | None
    seconds: float
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerScore:
    """Another codec on the same files: mean distance in dB, and bits per second of audio as spent."""

    log_mel_l1_db: float
    bitrate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecReport:
    """What `evaluate_codec` found.

    Attributes:
        files, audio_seconds: how much was heard.
        log_mel_l1_db: mean distance over files, in dB.
        multi_resolution_stft: the same by `smalti.losses.multi_resolution_stft`, which has no unit.
        picture_l1_db: of a codec of mel pictures, how far these are from the recordings' in its own mel, in dB, before
            anything makes them audible; None of others.
        perplexity: effective number of codes in use, per codebook.
        codebook_usage: share of codes that occur at all, per codebook.
        bitrate: bits per second before entropy coding.
        encode_real_time_factor, decode_real_time_factor: seconds of work per second of audio.
        per_file, by_label: the distance of each file, and its mean over the files of each label.
        peers: other codecs on the same files.
    """

    files: int
    audio_seconds: float
    log_mel_l1_db: float
    multi_resolution_stft: float
    picture_l1_db: float | None
    perplexity: list[float]
    codebook_usage: list[float]
    bitrate: float
    encode_real_time_factor: float
    decode_real_time_factor: float
    per_file: list[FileScore]
    by_label: dict[str, float]
    peers: dict[str, PeerScore]

    def to_json(self) -> dict[str, Any]:
        """The report as the command line prints it."""
        return to_json(self)


@torch.no_grad()
def evaluate_codec(
    codec: Codec,
    clips: Iterable[Clip],
    *,
    labels: Mapping[str, str] | None = None,
    peers: Mapping[str, Peer] | None = None,
    batch: int = 4,
    progress: Callable[[int], None] | None = None,
) -> CodecReport:
    """Encode and decode named clips and score what comes back.

    Args:
        codec: any codec.
        clips: names and audio of one row each at the codec's rate; read once, `batch` or about 20 s at a time.
        labels: of some or all names.
        peers: other codecs to hear on the same clips, such as {"opus_6k": opus_peer(6000)}.
        batch: clips encoded together.
        progress: told the number of files done, or begun, after each batch.
    Raises:
        SpecError: if a clip is at another rate.
        DataError: if there is no clip, or one without samples.
    """
    tally = _Tally()

    def hear(group: list[Clip]) -> _RoundTrip:
        _validate(group, codec.spec.sample_rate)
        return _round_trip(codec, group, peers or {})

    for heard in spread(hear, _groups(clips, batch)):
        tally.add(heard, labels or {})
        if progress:
            progress(len(tally.spans()))
    if not tally.files:
        raise DataError("found no clip to evaluate; give one or more")
    return tally.report(codec)


@dataclass(frozen=True, slots=True)
class _RoundTrip:
    """Some clips there and back: seconds spent, and of each clip its scores, codes and peers."""

    files: list[FileScore]
    codes: list[Tensor]
    peers: list[tuple[str, float, int]]
    encode_seconds: float
    decode_seconds: float


def _round_trip(codec: Codec, group: list[Clip], peers: Mapping[str, Peer]) -> _RoundTrip:
    begin = time.perf_counter()
    tokens = codec.encode(Audio.batch(audio for _, audio in group))
    codes = tokens.codes.cpu()  # waits for an accelerator, so that the clock is honest
    between = time.perf_counter()
    decoded = codec.decode(tokens)
    heard = Audio(decoded.samples.cpu(), decoded.sample_rate, decoded.lengths.cpu()).items()
    end = time.perf_counter()
    rate, others = codec.spec.sample_rate, []
    drawn = codec.drawn(tokens) if isinstance(codec, PictureCodec) else [None] * len(group)
    for _, original in group:
        for name, peer in peers.items():
            clip = peer(original)
            others.append((name, log_mel_l1_db(original.samples[0].cpu(), clip.samples, rate), clip.bits))
    return _RoundTrip(
        files=[_scored(codec, *parts) for parts in zip(group, heard, drawn, strict=True)],
        codes=[row.codes[0] for row in Tokens(codes, tokens.spec, tokens.lengths.cpu()).items()],
        peers=others,
        encode_seconds=between - begin,
        decode_seconds=end - between,
    )


def _scored(codec: Codec, clip: Clip, heard: Audio, drawn: Float[Tensor, "band frame"] | None) -> FileScore:
    name, audio = clip
    original, distance = audio.samples.cpu(), None
    if drawn is not None and isinstance(codec, PictureCodec):
        blocks = drawn.cpu().split(block_frames(codec.picture), dim=1)
        distance = picture_distance(blocks, picture_blocks(original[0], codec.picture), codec.picture)
    return FileScore(
        path=name,
        log_mel_l1_db=log_mel_l1_db(original[0], heard.samples[0], audio.sample_rate),
        multi_resolution_stft=stft_distance(heard.samples[0], original[0], audio.sample_rate),
        picture_l1_db=distance,
        seconds=audio.seconds,
    )


@dataclass(slots=True)
class _Tally:
    """Sums that grow clip by clip; codes are small, audio is never kept."""

    files: list[FileScore] = field(default_factory=list[FileScore])
    codes: list[Tensor] = field(default_factory=list[Tensor])
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    distances: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    bits: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, heard: _RoundTrip, labels: Mapping[str, str]) -> None:
        self.codes.extend(heard.codes)
        self.encode_seconds += heard.encode_seconds
        self.decode_seconds += heard.decode_seconds
        self.files.extend(replace(file, label=labels.get(file.path)) for file in heard.files)
        for name, distance, bits in heard.peers:
            self.distances[name].append(distance)
            self.bits[name] += bits

    def spans(self) -> list[list[int]]:
        """Which clips are of one file."""
        return [[*span] for _, span in groupby(range(len(self.files)), lambda place: self.files[place].path)]

    def report(self, codec: Codec) -> CodecReport:
        seconds, spans = sum(file.seconds for file in self.files), self.spans()
        lengths = [[self.files[place].seconds for place in span] for span in spans]
        files = [_joined([self.files[place] for place in span]) for span in spans]
        codes = torch.cat(self.codes, dim=1)
        drawn = [file.picture_l1_db for file in files if file.picture_l1_db is not None]
        by_label: defaultdict[str, list[float]] = defaultdict(list)
        for file in files:
            if file.label is not None:
                by_label[file.label].append(file.log_mel_l1_db)
        return CodecReport(
            files=len(files),
            audio_seconds=seconds,
            log_mel_l1_db=fmean(file.log_mel_l1_db for file in files),
            multi_resolution_stft=fmean(file.multi_resolution_stft for file in files),
            picture_l1_db=fmean(drawn) if drawn else None,
            perplexity=perplexity(codes, codec.spec.vocab).tolist(),
            codebook_usage=codebook_usage(codes, codec.spec.vocab).tolist(),
            bitrate=codec.spec.bitrate,
            encode_real_time_factor=self.encode_seconds / seconds,
            decode_real_time_factor=self.decode_seconds / seconds,
            per_file=files,
            by_label={label: fmean(found) for label, found in sorted(by_label.items())},
            peers={
                name: PeerScore(
                    log_mel_l1_db=fmean(
                        fmean([found[place] for place in span], weights)
                        for span, weights in zip(spans, lengths, strict=True)
                    ),
                    bitrate=self.bits[name] / seconds,
                )
                for name, found in self.distances.items()
            },
        )


def _joined(pieces: list[FileScore]) -> FileScore:
    """The score of a file from those of its pieces."""
    lengths = [piece.seconds for piece in pieces]
    drawn = [piece.picture_l1_db for piece in pieces if piece.picture_l1_db is not None]
    return replace(
        pieces[0],
        log_mel_l1_db=fmean([piece.log_mel_l1_db for piece in pieces], lengths),
        multi_resolution_stft=fmean([piece.multi_resolution_stft for piece in pieces], lengths),
        picture_l1_db=fmean(drawn, lengths) if drawn else None,
        seconds=sum(lengths),
    )


def _groups(clips: Iterable[Clip], size: int) -> Iterator[list[Clip]]:
    group: list[Clip] = []
    for name, audio in clips:
        group.append((name, audio.items()[0] if len(audio.lengths) == 1 else audio))
        if len(group) == size or sum(one.seconds for _, one in group) >= _MOST_SECONDS:
            yield group
            group = []
    if group:
        yield group


def _validate(group: list[Clip], sample_rate: int) -> None:
    for name, audio in group:
        if len(audio.lengths) != 1 or not audio.samples.shape[1]:
            shape = tuple(audio.samples.shape)
            raise DataError(f"{name} holds {shape} rows and samples, wanted one row of sound; leave it out")
        audio.require_rate(sample_rate, name=name)
