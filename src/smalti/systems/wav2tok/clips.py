"""What a tokenizer learns from: the frames of recordings, heard once and kept, without their quiet ends."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.data.kept import Kept
from smalti.data.waveforms import Recordings
from smalti.systems.wav2tok.fronts import FrontEnd


class FrameClips:
    """Frames of recordings by position; those that memory does not hold are heard again.

    Attributes:
        recordings: the sound.
        front: what makes frames of it.
    """

    def __init__(self, recordings: Recordings, front: FrontEnd, *, memory: int) -> None:
        """Nothing is read yet.

        Args:
            recordings: at the front end's rate.
            front: what makes frames of them.
            memory: MiB of frames that are kept.
        """
        self.recordings, self.front = recordings, front
        self._kept = Kept(memory)

    def frames(self, clip: int) -> Float[Tensor, "frame bin"]:
        """Of a recording, at least one."""
        return self._kept.get(clip, lambda: self._heard(clip))

    def crops(
        self, clips: Sequence[int], *, seconds: float | None, generator: torch.Generator
    ) -> tuple[Float[Tensor, "batch frame bin"], Int64[Tensor, " batch"]]:
        """Frames of clips as a batch, and how many each has.

        Args:
            clips: positions.
            seconds: of a random stretch of longer ones; None for all of each.
            generator: of where the stretches lie.
        """
        most = round(seconds * self.front.sample_rate / self.front.hop) if seconds else None
        chances = torch.rand(len(clips), generator=generator).tolist()
        rows: list[Tensor] = []
        for clip, chance in zip(clips, chances, strict=True):
            frames = self.frames(clip)
            first = int(chance * (len(frames) - most + 1)) if most and len(frames) > most else 0
            rows.append(frames[first : first + most] if most else frames)
        lengths = torch.tensor([len(row) for row in rows])
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths

    def _heard(self, clip: int) -> Float[Tensor, "frame bin"]:
        samples = self.recordings.read(clip, 0, self.recordings.samples[clip])
        whole = self.front.frames(samples if len(samples) else torch.zeros(1))
        span = self.front.sounding(whole)
        return whole[span.start : span.stop].clone()
