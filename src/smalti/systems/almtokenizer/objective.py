"""The table of losses: a new one is a line here and its weight in `LambdasConfig`."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError
from smalti.losses import frames_l1, multi_scale_stft, time_l1, yardstick
from smalti.systems.almtokenizer.clips import Crops
from smalti.systems.almtokenizer.config import LambdasConfig
from smalti.systems.almtokenizer.net import Rebuilt


class Objective:
    """Losses of a training pass, each only where there is a recording to be judged and its weight is above 0.

    Those of judges and of nets that learn beside the codec come from them, and are weighed here all the same.
    """

    def __init__(self, lambdas: LambdasConfig, *, sample_rate: int, hop: int) -> None:
        self._weights: Mapping[str, float] = lambdas.model_dump()
        self._hop, self._spectra = hop, yardstick(sample_rate)

    def losses(self, rebuilt: Rebuilt, crops: Crops) -> dict[str, Float[Tensor, ""]]:
        """Unweighted, by name; those of sound are missing while nothing is audible, and of a guess if there is none."""
        found: dict[str, Tensor] = {}
        if rebuilt.guess is not None:
            found |= {"frames": self._frames(rebuilt.guess, rebuilt, crops), "commitment": rebuilt.commitment}
        if rebuilt.sound is not None:
            found |= self._of_sound(rebuilt.sound, crops)
        return {name: loss for name, loss in found.items() if self._weights[name]}

    def weighs(self, *names: str) -> bool:
        """Whether one of these losses counts."""
        return any(self._weights[name] for name in names)

    def total(self, losses: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """Their weighted sum.

        Raises:
            ParameterError: if there are none.
        """
        if not losses:
            raise ParameterError("found no loss in this step; set one of train.lambdas, or train.sound_from=0")
        return torch.stack([self._weights[name] * value for name, value in losses.items()]).sum()

    def _of_sound(self, sound: Tensor, crops: Crops) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        # a decoder is cut to its recording's length, so what it says beyond must not be heard in the last frames
        made, real = torch.where(self._inside(crops, 1), sound.float(), 0), crops.sound
        if self.weighs("mel", "stft"):
            found["mel"], found["stft"] = self._spectra.of(made, real, crops.lengths)
        if self.weighs("time"):
            found["time"] = time_l1(made, real, crops.lengths)
        if self.weighs("frequency"):
            found["frequency"] = multi_scale_stft(made, real, crops.lengths)
        return found

    def _frames(self, guess: Tensor, rebuilt: Rebuilt, crops: Crops) -> Tensor:
        wanted = rebuilt.wanted.detach()
        return frames_l1(guess.float().mT, wanted.float().mT, self._inside(crops, self._hop))

    def _inside(self, crops: Crops, hop: int) -> Tensor:
        """Which of the frames of so many samples begin in a recording."""
        return torch.arange(0, crops.sound.shape[1], hop, device=crops.sound.device) < crops.lengths[:, None]
