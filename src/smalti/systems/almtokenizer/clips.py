"""What the codec learns from: crops of recordings, all of a step cut in windows of the same number of frames."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.config import mix
from smalti.data.batches import step_generator
from smalti.data.manifest import Manifest
from smalti.data.sound_pieces import SoundPieces
from smalti.data.waveforms import Piece, recordings_of
from smalti.systems.almtokenizer.config import ModelConfig, TrainConfig
from smalti.systems.almtokenizer.variety import Variation, draw, vary

_RATE = 1  # so that rates and crops of one step are independent


@dataclass(frozen=True, slots=True)
class Crops:
    """What a step is shown.

    Attributes:
        sound: a multiple of window · hop long.
        lengths: samples of each that are to be judged; beyond is what a recording does not have.
        window: frames of a query.
        depth: codebooks that are used.
    """

    sound: Float[Tensor, "batch sample"]
    lengths: Int64[Tensor, " batch"]
    window: int
    depth: int


class SoundClips:
    """Recordings as crops of varied sound.

    Attributes:
        pieces: the recordings.
    """

    def __init__(
        self,
        source: Manifest | Sequence[Float[Tensor, " _"]],
        *,
        model: ModelConfig,
        train: TrainConfig,
        hop: int,
        held_out: int = 0,
    ) -> None:
        """Lay recordings out; nothing is read yet.

        Args:
            source: recordings with their splits, or waveforms at the model's rate.
            model: whose rate, windows and codebooks count.
            train: sizes and chances of crops.
            hop: samples of a frame.
            held_out: how many of the waveforms, the last ones, are kept out of training.
        Raises:
            DataError: if there is nothing to learn from.
        """
        recordings = recordings_of(source, sample_rate=model.sample_rate, held_out=held_out)
        self._model, self._train, self._hop = model, train, hop
        self.pieces = SoundPieces(recordings, sample_rate=model.sample_rate, hop=hop, memory=train.memory)
        labels = source.labels() if isinstance(source, Manifest) else [None] * len(source)
        self._chances = _chances(self.pieces, labels, train.balance)
        first = sorted({piece.clip for piece in self.pieces.training})[: train.recordings or None]
        self._chances *= torch.tensor([piece.clip in first for piece in self.pieces.training])

    def rate(self, step: int) -> tuple[int, int]:
        """Window and number of codebooks of a step, the same in all processes."""
        (low, high), train = self._model.windows, self._train
        codebooks = self._model.codes.codebooks
        generator = step_generator(mix(train.seed, _RATE), step)
        chances = torch.ones(high - low + 1, dtype=torch.float64)
        chances[0] = train.finest
        window = low + int(torch.multinomial(chances, 1, generator=generator))
        shallow, fewer = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        less = shallow < train.shallow and codebooks > 1
        return window, 1 + int(fewer * (codebooks - 1)) if less else codebooks

    def crops(self, step: int, *, turn: int) -> Crops:
        """Crops of a step; each process takes another turn."""
        window, depth = self.rate(step)
        hop = self._hop
        frames = max(round(self._train.crop * self._model.sample_rate / hop) // window, 1) * window
        generator = step_generator(self._train.seed, turn)
        rows = [self._row(piece, frames * hop, generator) for piece in self.chosen(turn)]
        sounds, lengths = zip(*rows, strict=True)
        return Crops(torch.stack(sounds), torch.tensor(lengths), window, depth)

    def chosen(self, turn: int) -> list[Piece]:
        """Pieces of a turn."""
        return self._draw(self._train.batch, step_generator(self._train.seed, turn))

    def _draw(self, count: int, generator: torch.Generator) -> list[Piece]:
        rows = torch.multinomial(self._chances, count, replacement=True, generator=generator)
        return [self.pieces.training[row] for row in rows.tolist()]

    def _row(self, piece: Piece, count: int, generator: torch.Generator) -> tuple[Tensor, int]:
        variation = draw(self._train.vary, generator)
        sound, length = self._cut(piece, count, variation, generator)
        (other,) = self._draw(1, generator)
        if variation.together:
            second = draw(self._train.vary, generator)
            added, also = self._cut(other, count, second, generator)
            sound, length = sound + added, max(length, also)
            sound = sound / max(float(sound.abs().max()), 1.0)
        return sound, count if variation.silent else length

    def _cut(self, piece: Piece, count: int, variation: Variation, generator: torch.Generator) -> tuple[Tensor, int]:
        """Varied samples from a random place of a piece, and how many of them the recording has."""
        has, needed = self.pieces.samples_of(piece), round(count * variation.speed)
        place = float(torch.rand(1, generator=generator, dtype=torch.float64))
        first = int(place * (max(has - needed, 0) + 1))
        sound = vary(self.pieces.crop(piece, first=first, count=needed), count, variation)
        return sound, min(count, max(1, round((has - first) / variation.speed)))


def _chances(pieces: SoundPieces, labels: Sequence[str | None], balance: float) -> Float[Tensor, " piece"]:
    """Of each piece: its seconds, times its label's seconds to the power of `balance - 1`."""
    samples = [pieces.samples_of(piece) for piece in pieces.training]
    named = [labels[piece.clip] for piece in pieces.training]
    totals: dict[str | None, int] = {}
    for label, count in zip(named, samples, strict=True):
        totals[label] = totals.get(label, 0) + count
    found = [count * math.pow(max(totals[label], 1), balance - 1) for label, count in zip(named, samples, strict=True)]
    return torch.tensor(found, dtype=torch.float64)
