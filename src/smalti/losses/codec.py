"""Distances of a codec's sound by which it learns, counted only where there is a recording to be judged."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.features import MelSettings, mel_filterbank, stft_magnitude

_WINDOWS = (512, 2048)
_LEAST = 1e-4  # mean magnitude, in samples, that a relative distance divides by


def yardstick(sample_rate: int) -> "SpectralDistances":
    """The pictures of `smalti.evaluate.yardstick`."""
    return SpectralDistances(
        [
            MelSettings(
                sample_rate=sample_rate,
                n_fft=window,
                hop=window // 4,
                bands=80,
                low_hz=0.0,
                high_hz=sample_rate / 2,
                norm="sum",
                unit="sine",
                ceiling_db=0.0,
            )
            for window in _WINDOWS
        ]
    )


class SpectralDistances:
    """Distances of sounds at several windows, from one transform of each.

    Attributes:
        pictures: how a sound is looked at.
    """

    def __init__(self, pictures: Sequence[MelSettings]) -> None:
        self.pictures = tuple(pictures)

    def of(
        self,
        found: Float[Tensor, "batch sample"],
        wanted: Float[Tensor, "batch sample"],
        lengths: Int64[Tensor, " batch"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Mean over the windows of two distances, over the frames whose middle lies in a recording.

        Args:
            found, wanted: waveforms of equal length, full scale ±1.
            lengths: samples of each that are a recording's.
        Returns:
            The yardstick: mean |20 log10 max(mel(found), floor) - 20 log10 max(mel(wanted), floor)| in dB. And the
            linear one: sum | |S(found)| - |S(wanted)| | / sum |S(wanted)|, which no silence makes infinite.
        """
        pairs = [self._at(picture, found, wanted, lengths) for picture in self.pictures]
        decibels, linear = zip(*pairs, strict=True)
        return torch.stack(decibels).mean(), torch.stack(linear).mean()

    def _at(self, picture: MelSettings, found: Tensor, wanted: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        made, real = (
            stft_magnitude(samples.float(), n_fft=picture.n_fft, hop=picture.hop) for samples in (found, wanted)
        )
        places = torch.arange(real.shape[2], device=real.device) * picture.hop
        inside = (places < lengths[:, None])[:, None].to(real)
        frames = inside.sum().clamp(min=1)
        difference = (_level(made, picture) - _level(real, picture)).abs() * inside
        apart, size = ((each * inside).sum() for each in ((made - real).abs(), real))
        least = _LEAST * frames * real.shape[1]
        return difference.sum() / (frames * picture.bands), apart / size.clamp(min=float(least))


def _level(magnitude: Tensor, picture: MelSettings) -> Tensor:
    """Log-mel in dB, no less than the floor."""
    heard = mel_filterbank(picture).to(magnitude) @ magnitude
    return 20 * heard.clamp(min=10 ** (picture.floor_db / 20)).log10()
