"""Scores of a vocoder: how far the sound it makes of a recording's picture is from the recording.

Conventions: `picture_l1_db` is the mean absolute difference of the vocoder's own log-mel pictures, in dB;
`log_mel_l1_db` the codec yardstick; `multi_resolution_stft` the distance of Yamamoto et al. 2020; all means over
recordings. A real-time factor is seconds of work per second of audio, so below one is faster than real time.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import Audio, DataError, SpecError
from smalti.evaluate.distances import picture_blocks, picture_distance, stft_distance
from smalti.evaluate.reports import to_json
from smalti.evaluate.yardstick import log_mel_l1_db
from smalti.features import Vocoder, hop_by_hop

Clip = tuple[str, Audio]


@dataclass(frozen=True, slots=True, kw_only=True)
class VocoderScore:
    """What a vocoder comes to on some recordings."""

    picture_l1_db: float
    log_mel_l1_db: float
    multi_resolution_stft: float
    real_time_factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VocoderReport:
    """What `evaluate_vocoder` found.

    Attributes:
        files, audio_seconds: how much was heard.
        score: of the vocoder.
        per_file: distances of each recording, under its path.
        peers: other vocoders on the same pictures.
    """

    files: int
    audio_seconds: float
    score: VocoderScore
    per_file: list[dict[str, Any]]
    peers: dict[str, VocoderScore]

    def to_json(self) -> dict[str, Any]:
        """The report as the command line prints it."""
        shown = to_json(self)
        return {**shown.pop("score"), **shown}


@torch.no_grad()
def evaluate_vocoder(
    vocoder: Vocoder,
    clips: Iterable[Clip],
    *,
    peers: Mapping[str, Vocoder] | None = None,
    progress: Callable[[int], None] | None = None,
) -> VocoderReport:
    """Draw recordings, make them audible again, and score what comes back.

    Args:
        vocoder: any.
        clips: names and audio of one row each at the picture's rate; read once.
        peers: other vocoders of the same picture to hear on the same clips.
        progress: told the number of clips done.
    Raises:
        SpecError: if a clip is at another rate, or a peer has another picture.
        DataError: if there is no clip, or one without samples.
    """
    ways = {"": vocoder, **(peers or {})}
    if any(way.picture != vocoder.picture for way in ways.values()):
        raise SpecError("found vocoders of other pictures, wanted one picture for all; compare them one by one")
    found: defaultdict[str, list[dict[str, float]]] = defaultdict(list)
    names: list[str] = []
    seconds = 0.0
    for name, audio in clips:
        _validate(name, audio, vocoder.picture.sample_rate)
        for way in ways:
            found[way].append(score_vocoder_clip(ways[way], audio.samples[0]))
        names.append(name)
        seconds += audio.seconds
        if progress:
            progress(len(names))
    if not names:
        raise DataError("found no clip to evaluate; give one or more")
    own = [{"path": name, **score} for name, score in zip(names, found[""], strict=True)]
    scores = {way: _mean(rows) for way, rows in found.items()}
    return VocoderReport(files=len(names), audio_seconds=seconds, score=scores.pop(""), per_file=own, peers=scores)


@torch.no_grad()
def score_vocoder_clip(vocoder: Vocoder, samples: Float[Tensor, " sample"]) -> dict[str, float]:
    """The scores of one recording at the picture's rate, by the names of `VocoderScore`."""
    picture = vocoder.picture
    stream = vocoder.stream()
    frames = hop_by_hop(samples[None], picture)[0]
    begin = time.perf_counter()
    heard = torch.cat([stream.push(frames), stream.flush()])[: len(samples)]
    spent = time.perf_counter() - begin
    return {
        "picture_l1_db": picture_distance(picture_blocks(heard, picture), picture_blocks(samples, picture), picture),
        "log_mel_l1_db": log_mel_l1_db(samples, heard, picture.sample_rate),
        "multi_resolution_stft": stft_distance(heard, samples, picture.sample_rate),
        "real_time_factor": spent * picture.sample_rate / len(samples),
    }


def _mean(rows: list[dict[str, float]]) -> VocoderScore:
    return VocoderScore(**{name: fmean(row[name] for row in rows) for name in rows[0]})


def _validate(name: str, audio: Audio, sample_rate: int) -> None:
    if len(audio.lengths) != 1 or not audio.samples.shape[1]:
        raise DataError(f"{name} holds {tuple(audio.samples.shape)} rows and samples, wanted one row; leave it out")
    audio.require_rate(sample_rate, "this vocoder", name=name)
