"""The table of losses: a new one is a line here and its weight in `LambdasConfig`."""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.features import MelSettings
from smalti.losses import SpectralDistances, picture_l1
from smalti.systems.almtokenizer.clips import Crops
from smalti.systems.almtokenizer.config import LambdasConfig
from smalti.systems.almtokenizer.net import Rebuilt

_WINDOWS = (512, 2048)


def yardstick(sample_rate: int) -> SpectralDistances:
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


class Objective:
    """Losses of a training pass, each only where there is a recording to be judged and its weight is above 0."""

    def __init__(self, lambdas: LambdasConfig, *, sample_rate: int, hop: int) -> None:
        self._weights: Mapping[str, float] = lambdas.model_dump()
        self._hop, self._spectra = hop, yardstick(sample_rate)
        self._of_frames: dict[str, Callable[[Rebuilt, Crops], Tensor]] = {
            "frames": self._frames,
            "commitment": lambda rebuilt, _: rebuilt.commitment,
        }

    def losses(self, rebuilt: Rebuilt, crops: Crops) -> dict[str, Float[Tensor, ""]]:
        """Unweighted, by name; those of sound are missing while nothing is audible."""
        found = {name: loss(rebuilt, crops) for name, loss in self._of_frames.items() if self._weights[name]}
        if rebuilt.sound is not None:
            real = crops.sound
            # a decoder is cut to its recording's length, so what it says beyond must not be heard in the last frames
            made = torch.where(self._inside(crops, 1), rebuilt.sound, 0)
            decibels, linear = self._spectra.of(made, real, crops.lengths)
            found |= {"mel": decibels, "stft": linear}
        return found

    def total(self, losses: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """Their weighted sum."""
        return torch.stack([self._weights[name] * value for name, value in losses.items()]).sum()

    def _frames(self, rebuilt: Rebuilt, crops: Crops) -> Tensor:
        guess, wanted = rebuilt.guess.float(), rebuilt.wanted.detach()
        return picture_l1(guess.mT, wanted.mT, self._inside(crops, self._hop))

    def _inside(self, crops: Crops, hop: int) -> Tensor:
        """Which of the frames of so many samples begin in a recording."""
        return torch.arange(0, crops.sound.shape[1], hop, device=crops.sound.device) < crops.lengths[:, None]
