"""Audio: waveforms of one rate in a padded batch, with their true lengths."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core.errors import ParameterError, SpecError


@dataclass(frozen=True, slots=True)
class Audio:
    """Mono waveforms, full scale ±1; what lies behind `lengths` is padding and never matters.

    Attributes:
        samples: the waveforms, one row an item.
        sample_rate: in Hz, of every row.
        lengths: samples of each row that are sound; the rest is zero.
    """

    samples: Float[Tensor, "batch sample"]
    sample_rate: int
    lengths: Int64[Tensor, " batch"]

    def __post_init__(self) -> None:
        if self.sample_rate <= 0:
            raise ParameterError(f"sample_rate is {self.sample_rate} Hz; it must be positive")
        if self.samples.dim() != 2:
            found = f"found samples of the shape {list(self.samples.shape)}"
            raise ParameterError(f"{found}, wanted [batch, sample] of one channel; mix the channels down")
        if self.lengths.numel() != self.samples.shape[0]:
            raise ParameterError(f"{self.lengths.numel()} lengths for {self.samples.shape[0]} rows; give one each")
        if (
            self.lengths.numel()
            and not 0 <= int(self.lengths.min()) <= int(self.lengths.max()) <= self.samples.shape[1]
        ):
            raise ParameterError(f"lengths {self.lengths.tolist()} do not lie in 0…{self.samples.shape[1]} samples")

    @classmethod
    def single(cls, samples: Float[Tensor, " sample"], sample_rate: int) -> "Audio":
        """One waveform as a batch of one."""
        return cls(samples[None], sample_rate, torch.tensor([samples.shape[0]], device=samples.device))

    @classmethod
    def batch(cls, items: Iterable["Audio"]) -> "Audio":
        """Stack items of one rate, zero-padded to the longest.

        Raises:
            SpecError: if the rates differ.
        """
        rows = [row for audio in items for row in audio.items()]
        rates = sorted({row.sample_rate for row in rows})
        if len(rates) != 1:
            raise SpecError(f"found sample rates {rates} Hz in one batch, wanted one; resample first")
        lengths = torch.cat([row.lengths for row in rows])
        samples = torch.nn.utils.rnn.pad_sequence([row.samples[0] for row in rows], batch_first=True)
        return cls(samples, rates[0], lengths)

    def items(self) -> list["Audio"]:
        """Every row alone, cut to its true length."""
        pairs = zip(self.samples, self.lengths.tolist(), strict=True)
        return [Audio.single(row[:length], self.sample_rate) for row, length in pairs]

    def zero_padded(self) -> "Audio":
        """The same audio with everything behind `lengths` set to zero."""
        inside = torch.arange(self.samples.shape[1], device=self.samples.device) < self.lengths[:, None]
        return Audio(torch.where(inside, self.samples, 0), self.sample_rate, self.lengths)

    def require_rate(self, sample_rate: int, what: str = "this codec", *, name: str = "audio") -> None:
        """Refuse audio of another rate.

        Args:
            sample_rate: wanted, in Hz.
            what: wants it, as in "this encoder".
            name: of this sound.
        Raises:
            SpecError: names found, wanted and the remedy.
        """
        if self.sample_rate != sample_rate:
            raise SpecError(
                f"{name} is at {self.sample_rate} Hz, {what} at {sample_rate} Hz; "
                "resample it first (smalti.audio.resample)"
            )

    @property
    def seconds(self) -> float:
        """True duration of all rows together, in seconds."""
        return int(self.lengths.sum()) / self.sample_rate


def require_one_channel(block: Tensor) -> None:
    """Refuse a block of a stream that is not samples of one channel.

    Raises:
        ParameterError: names the shape that was found.
    """
    if block.dim() != 1:
        raise ParameterError(f"found a block of the shape {list(block.shape)}, wanted samples of one channel; mix")
