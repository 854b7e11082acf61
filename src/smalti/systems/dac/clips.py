"""What the codec learns from: crops of recordings at random places, levels and phases, and of silence."""

import cmath
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.data.batches import choose_clips, step_generator
from smalti.data.manifest import Manifest
from smalti.data.sound_pieces import SoundPieces
from smalti.data.waveforms import Piece, recordings_of
from smalti.systems.dac.config import ModelConfig, TrainConfig


@dataclass(frozen=True, slots=True)
class Crops:
    """What a step is shown.

    Attributes:
        sound: whole frames; silence beyond a recording's end.
        depths: codebooks that each uses.
    """

    sound: Float[Tensor, "batch sample"]
    depths: Int64[Tensor, " batch"]


class SoundClips:
    """Recordings as crops.

    Attributes:
        pieces: the recordings.
    """

    def __init__(
        self,
        source: Manifest | Sequence[Float[Tensor, " _"]],
        *,
        model: ModelConfig,
        train: TrainConfig,
        held_out: int = 0,
    ) -> None:
        """Lay recordings out; nothing is read yet.

        Args:
            source: recordings with their splits, or waveforms at the model's rate.
            model: whose rate, hop and codebooks count.
            train: sizes and chances of crops.
            held_out: how many of the waveforms, the last ones, are kept out of training.
        Raises:
            DataError: if there is nothing to learn from.
        """
        recordings = recordings_of(source, sample_rate=model.sample_rate, held_out=held_out)
        self._train, self._codebooks = train, model.codebooks
        self._samples = max(round(train.crop * model.sample_rate / model.hop), 1) * model.hop
        self.pieces = SoundPieces(recordings, sample_rate=model.sample_rate, hop=model.hop, memory=train.memory)

    def crops(self, turn: int) -> Crops:
        """Crops of a turn: a step of one process."""
        generator = step_generator(self._train.seed, turn)
        sounds = [self._row(piece, generator) for piece in self.chosen(turn)]
        return Crops(torch.stack(sounds), self._depths(generator))

    def chosen(self, turn: int) -> list[Piece]:
        """Pieces of a turn; each once before any comes again."""
        training = self.pieces.training
        rows = choose_clips(self._train.seed, turn, batch=self._train.batch, clips=len(training))
        return [training[row] for row in rows.tolist()]

    def _row(self, piece: Piece, generator: torch.Generator) -> Tensor:
        place, level, angle, silent = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
        if silent < self._train.silent:
            return torch.zeros(self._samples)
        spare = max(self.pieces.samples_of(piece) - self._samples, 0)
        sound = self.pieces.crop(piece, first=int(place * (spare + 1)), count=self._samples)
        low, high = self._train.gain_db
        gain = 10 ** ((low + level * (high - low)) / 20)
        sound = turned(sound, 2 * cmath.pi * angle) if self._train.turn else sound
        return sound * min(gain, 1 / max(float(sound.abs().max()), 1e-9))

    def _depths(self, generator: torch.Generator) -> Tensor:
        """The first items use a random number of codebooks, the rest all of them. Source: DAC, section 3.2."""
        batch, codebooks = self._train.batch, self._codebooks
        fewer = torch.randint(1, codebooks + 1, (batch,), generator=generator)
        return torch.where(torch.arange(batch) < int(batch * self._train.shallow), fewer, codebooks)


def turned(sound: Float[Tensor, " sample"], angle: float) -> Float[Tensor, " sample"]:
    """The same magnitudes, every phase turned by an angle in radians; π is the sound upside down."""
    return torch.fft.irfft(torch.fft.rfft(sound) * cmath.exp(1j * angle), n=len(sound))
