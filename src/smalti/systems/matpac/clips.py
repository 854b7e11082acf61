"""What MATPAC learns from: log-mels of recordings, of sound or of files, and crops of them whatever their length."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from smalti.config import mix
from smalti.core import DataError
from smalti.data.augmentation import FrameAugmentation, augment_frames
from smalti.data.batches import step_generator
from smalti.data.log_mels import LogMels
from smalti.data.manifest import Manifest
from smalti.data.waveforms import Piece
from smalti.features import SILENCE
from smalti.systems.matpac.config import ModelConfig
from smalti.systems.matpac.masking import shuffled
from smalti.systems.matpac.pretraining import TrainConfig

# so that what fills a crop, how it is varied, its set, and whether it is varied at all are drawn apart
_FILL, _VARY, _SET, _CHANCE = 3, 5, 6, 7
_AS_RECORDED = FrameAugmentation()


@dataclass(frozen=True, slots=True)
class Crops:
    """What a step is shown.

    Attributes:
        picture: log-mels as they are, not normalised.
        order: the tokens of each crop at random; the first ones are shown, the others hidden.
    """

    picture: Float[Tensor, "batch band frame"]
    order: Int64[Tensor, "batch token"]


class LogMelClips:
    """Recordings as log-mels.

    Attributes:
        training: pieces of the recordings for training.
        held_out: positions of the other recordings.
        trains: of every recording, whether it is for training.
        frames: of every recording.
        sets: of every recording the set that it belongs to.
        labels: of every recording; None where there is none.
    """

    def __init__(
        self,
        source: Manifest | Sequence[Float[Tensor, " _"]],
        *,
        model: ModelConfig,
        train: TrainConfig,
        vary: FrameAugmentation = _AS_RECORDED,
        held_out_waveforms: int = 0,
    ) -> None:
        """Lay recordings out; nothing is read yet.

        Args:
            source: recordings with their splits, or waveforms at the model's rate.
            model: whose picture and chunk count.
            train: chances of crops.
            vary: how much crops are varied.
            held_out_waveforms: how many of the waveforms, the last ones, are kept out of training.
        Raises:
            DataError: if there is nothing to learn from.
        """
        self._model, self._train, self._vary = model, train, vary
        self._patch = model.encoder.patch[1]
        self._mels = LogMels(source, picture=model.picture.settings(), memory=train.memory, held_out=held_out_waveforms)
        self.training, self.held_out = self._mels.training, self._mels.held_out
        self.trains, self.frames = self._mels.trains, self._mels.frames
        if not self.training:
            raise DataError("found no recording to learn from, wanted one whose split is train; check the manifest")
        count = len(self.frames)
        self.labels = source.labels() if isinstance(source, Manifest) else [None] * count
        self.sets = _column(source, train.sets) if isinstance(source, Manifest) else [""] * count
        self._members: defaultdict[str, list[Piece]] = defaultdict(list)
        for piece in self.training:
            self._members[self.sets[piece.clip]].append(piece)
        self._all = self._with_chances(self.training)
        members = [self._members[name] for name in sorted(self._members)]
        self._groups = [self._with_chances(some) for some in members] if train.apart else [self._all]
        self._shares = torch.stack([ends[-1] for _, ends in self._groups])

    @property
    def tokens(self) -> int:
        """Patches of a crop."""
        return self._model.rows * (self._model.encoder.chunk // self._model.encoder.patch[1])

    def crops(self, step: int, *, rank: int = 0, world: int = 1) -> Crops:
        """Crops of a step: of all that the processes take together, those of one of them."""
        first = (step * world + rank) * self._train.batch
        rows = range(first, first + self._train.batch)
        made = [
            self._crop(piece, place, row)
            for row, (piece, place) in zip(rows, self._drawn(step, rank, world), strict=True)
        ]
        orders = [shuffled(self.tokens, step_generator(self._train.seed, row)) for row in rows]
        return Crops(self._varied(torch.stack(made), rows), torch.stack(orders))

    def names(self, step: int, *, rank: int = 0, world: int = 1) -> list[str]:
        """Recordings that the crops of a step begin in."""
        return [self._mels.name(piece.clip) for piece, _ in self._drawn(step, rank, world)]

    def log_mel(self, piece: Piece) -> Float[Tensor, "band frame"]:
        """A piece as the encoder hears it, silence behind the recording up to a whole patch."""
        return self._mels.crop(piece, count=-(-piece.frames // self._patch) * self._patch)

    def whole(self, clip: int) -> Float[Tensor, "band frame"]:
        """A recording, at most its first 20 seconds."""
        first = next(iter(self._mels.pieces(clip)), Piece(clip, 0, 1))
        return self.log_mel(first)

    def beginning(self, clip: int) -> Float[Tensor, "band frame"]:
        """A crop from the beginning of a recording that is not for training; filled up from others like it."""
        others = [other for other in self.held_out if self.sets[other] == self.sets[clip]]
        rest = (
            self.whole(other) for other in itertools.chain(others[others.index(clip) + 1 :], itertools.cycle(others))
        )
        return self._filled(self.whole(clip), rest, self._model.encoder.chunk)

    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of all numbers of the training log-mels, whole patches of them."""
        return self._mels.statistics(multiple=self._patch)

    def _drawn(self, step: int, rank: int, world: int) -> list[tuple[Piece, float]]:
        """Pieces of a process's crops, and where in them, 0…1, they begin."""
        batch = self._train.batch
        generator = step_generator(self._train.seed, step)
        chances = torch.rand(world * batch, 2, generator=generator, dtype=torch.float64)[rank * batch :][:batch]
        pieces, ends = self._together(step)
        rows = torch.searchsorted(ends, chances[:, 0].contiguous() * ends[-1], right=True)
        chosen = rows.clamp(max=len(pieces) - 1).tolist()
        return [(pieces[row], place) for row, place in zip(chosen, chances[:, 1].tolist(), strict=True)]

    def _with_chances(self, pieces: Sequence[Piece]) -> tuple[Sequence[Piece], Float[Tensor, " piece"]]:
        """Pieces, and sums of their chances."""
        return pieces, _chances(pieces, self.sets, self._train.balance).cumsum(0)

    def _together(self, step: int) -> tuple[Sequence[Piece], Float[Tensor, " piece"]]:
        """Pieces that a step draws from, with their chances: all, or those of one set."""
        if (mixed := self._train.mixed) and step % mixed == mixed - 1:
            return self._all
        generator = step_generator(mix(self._train.seed, _SET), step)
        return self._groups[int(torch.multinomial(self._shares, 1, generator=generator))]

    def _crop(self, piece: Piece, place: float, row: int) -> Float[Tensor, "band frame"]:
        """A crop that begins in a piece and, where that is too short, goes on in others of its set."""
        frames, found = self._drawn_frames, self.log_mel(piece)
        spare = found.shape[1] - frames
        if spare >= 0:
            return found[:, int(place * (spare + 1)) :][:, :frames]
        if self._train.fill == "clips":
            found = found[:, int(place * found.shape[1]) :]
        return self._filled(found, self._others(self.sets[piece.clip], row), frames)

    @property
    def _drawn_frames(self) -> int:
        """Of a crop before it is varied: enough where it becomes as fast as it may."""
        return math.ceil(self._model.encoder.chunk * math.exp(self._vary.tempo))

    def _varied(self, drawn: Float[Tensor, "batch band _"], rows: range) -> Float[Tensor, "batch band frame"]:
        """Crops, or a share of them, as from another mouth and room, each as its own number says."""
        if self._vary == _AS_RECORDED:
            return drawn
        found = drawn[..., : self._model.encoder.chunk].clone()
        seeds = [mix(self._train.seed, _VARY, row) for row in rows]
        if chosen := [place for place, seed in enumerate(seeds) if _chance(seed) < self._train.varied]:
            own, lengths = [seeds[place] for place in chosen], torch.full((len(chosen),), drawn.shape[2])
            picture = self._model.picture.settings()
            changed, _ = augment_frames(drawn[chosen].mT, lengths, self._vary, picture=picture, seeds=own)
            found[chosen] = changed[:, : found.shape[2]].mT
        return found

    def _others(self, name: str, row: int) -> Iterator[Float[Tensor, "band _"]]:
        generator, members = step_generator(mix(self._train.seed, _FILL), row), self._members[name]
        while True:
            gap, member = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
            yield functional.pad(
                self.log_mel(members[int(member * len(members))]), (int(gap * (self._train.gap + 1)), 0), value=SILENCE
            )

    def _filled(
        self, begun: Float[Tensor, "band _"], others: Iterator[Float[Tensor, "band _"]], frames: int
    ) -> Float[Tensor, "band frame"]:
        """A crop of so many frames that begins so; behind it others as they come, or silence."""
        parts = [begun]
        if self._train.fill == "silence":
            return functional.pad(begun, (0, frames - begun.shape[1]), value=SILENCE)
        while (missing := frames - sum(part.shape[1] for part in parts)) > 0:
            parts.append(next(others)[:, :missing])
        return torch.cat(parts, dim=1)[:, :frames]


def _chance(seed: int) -> float:
    """Of a crop, 0…1: it is varied if this is below the share that are."""
    return float(torch.rand((), generator=step_generator(mix(seed, _CHANCE), 0)))


def _column(manifest: Manifest, name: str) -> list[str]:
    """What a column says of every recording; nothing if there is no such column."""
    if name not in manifest.table.column_names:
        return [""] * manifest.rows
    return ["" if value is None else str(value) for value in manifest.table[name].to_pylist()]


def _chances(training: Sequence[Piece], sets: Sequence[str], balance: float) -> Float[Tensor, " piece"]:
    """Of each piece: its frames, times its set's frames to the power of `balance - 1`."""
    totals: defaultdict[str, int] = defaultdict(int)
    for piece in training:
        totals[sets[piece.clip]] += piece.frames
    found = [piece.frames * totals[sets[piece.clip]] ** (balance - 1) for piece in training]
    return torch.tensor(found, dtype=torch.float64)
