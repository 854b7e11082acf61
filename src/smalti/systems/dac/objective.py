"""The table of losses: a new one is a line here and its weight in `LambdasConfig`."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.losses import multi_scale_mel, multi_scale_stft, time_l1, yardstick
from smalti.systems.dac.config import TrainConfig


class Objective:
    """Losses of a sound, and what all losses of a step come to."""

    def __init__(self, train: TrainConfig, *, sample_rate: int) -> None:
        self._weights: Mapping[str, float] = train.lambdas.model_dump()
        self._windows, self._bands, self._rate = train.mel_windows, train.mel_bands, sample_rate
        self._spectra = yardstick(sample_rate)

    def of_sound(
        self, made: Float[Tensor, "batch sample"], real: Float[Tensor, "batch sample"], *, told: bool = False
    ) -> dict[str, Float[Tensor, ""]]:
        """Unweighted, by name; `told`: those whose weight is 0 as well."""
        found: dict[str, Tensor] = {}
        if told or self._weights["mel"]:
            found["mel"] = multi_scale_mel(made, real, sample_rate=self._rate, windows=self._windows, bands=self._bands)
        if told or self._weights["yardstick"] or self._weights["linear"]:
            lengths = torch.full((len(real),), real.shape[1], device=real.device)
            both = dict(zip(("yardstick", "linear"), self._spectra.of(made, real, lengths), strict=True))
            found |= {name: loss for name, loss in both.items() if told or self._weights[name]}
        if told or self._weights["stft"]:
            found["stft"] = multi_scale_stft(made, real)
        if told or self._weights["waveform"]:
            found["waveform"] = time_l1(made, real)
        return found

    def weighs(self, name: str) -> bool:
        """Whether a loss counts."""
        return self._weights[name] > 0

    def total(self, losses: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """Their weighted sum."""
        return torch.stack([self._weights[name] * value for name, value in losses.items()]).sum()
