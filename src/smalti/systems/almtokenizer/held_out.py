"""How well the codec does on what training never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from smalti.core import Audio
from smalti.data.sound_pieces import SoundPieces
from smalti.evaluate.yardstick import log_mel_l1_db
from smalti.quantize import code_counts, codebook_usage, perplexity
from smalti.systems.almtokenizer.codec import ALMTokenizer

_MOST_HEARD = 32
_LONGEST = 10  # seconds of each


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """What an evaluation found.

    Attributes:
        metrics: distances in dB by window, and how many codes are in use.
        hits: how often each code was chosen at the least window.
    """

    metrics: Mapping[str, float]
    hits: Int64[Tensor, "codebook code"]


def heard(pieces: SoundPieces, sample_rate: int, *, most: int = _MOST_HEARD) -> list[Audio]:
    """Some recordings kept out of training that have sound, evenly chosen, their first seconds."""
    recordings = pieces.recordings
    sounding = [clip for clip in pieces.held_out if recordings.samples[clip] > 0]
    count = min(len(sounding), most)
    chosen = [sounding[round(i * (len(sounding) - 1) / max(count - 1, 1))] for i in range(count)]
    return [Audio.single(recordings.read(clip, 0, _LONGEST * sample_rate), sample_rate) for clip in chosen]


def score(codec: ALMTokenizer, sounds: Sequence[Audio]) -> HeldOutScores | None:
    """Scores over recordings kept out of training; None if there are none.

    `log_mel_l1_db` is at the codec's own window, `log_mel_l1_db_2` at 2 frames, its least. `usage_i` and
    `perplexity_i` are of codebook i at the least window, where most codes are spoken.
    """
    if not sounds:
        return None
    low = codec.net.config.windows[0]
    fine = codec.at(window=low)
    streams: list[Tensor] = []
    distances: dict[str, list[float]] = {"log_mel_l1_db": [], f"log_mel_l1_db_{low}": []}
    for sound in sounds:
        for name, view in zip(distances, (codec, fine), strict=True):
            tokens = view.encode(sound)
            made = view.decode(tokens).samples[0]
            distances[name].append(log_mel_l1_db(sound.samples[0], made, sound.sample_rate))
            if view is fine:
                streams.append(tokens.codes[0])
    codes, vocab = torch.cat(streams, dim=1), fine.spec.vocab
    metrics = {name: sum(found) / len(found) for name, found in distances.items()}
    metrics |= {f"usage_{i}": float(value) for i, value in enumerate(codebook_usage(codes, vocab))}
    metrics |= {f"perplexity_{i}": float(value) for i, value in enumerate(perplexity(codes, vocab))}
    return HeldOutScores(metrics, code_counts(codes, vocab))
