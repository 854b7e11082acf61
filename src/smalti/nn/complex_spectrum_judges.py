"""Judges of complex spectra, whose bands are each heard by layers of their own: phase is judged beside magnitude.

Source: Kumar et al. 2023 (DAC, arXiv:2306.06546), section 3.3, after Jang et al. 2021 (UnivNet).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from smalti.core import ParameterError
from smalti.features import stft
from smalti.nn.verdict import Verdict
from smalti.nn.weight_norm import norm_weights

PUBLISHED_EDGES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Of bands, as fractions of half the sample rate."""

_SLOPE = 0.1
_STRIDES = (1, 2, 2, 2)  # along frequency


class ComplexSpectrumJudges(nn.Module):
    """One judge a window, all weight-normed; none mixes the items of a batch.

    Args:
        windows: samples of the frames that each judge hears, every quarter of them one.
        width: channels of its layers.
        edges: where bands begin and end, 0…1 of half the sample rate.
    Raises:
        ParameterError: if the edges do not rise from 0 to 1, or a band is without a bin.
    """

    def __init__(self, *, windows: Sequence[int], width: int = 32, edges: Sequence[float] = PUBLISHED_EDGES) -> None:
        super().__init__()
        self.judges = nn.ModuleList([_Judge(window, width, _bands(window, edges)) for window in windows])
        norm_weights(self)

    def forward(self, waveforms: Float[Tensor, "batch sample"]) -> list[Verdict]:
        """A verdict a judge."""
        return [judge(waveforms) for judge in self.judges]


class _Judge(nn.Module):
    """Layers a band, then one score of all bands side by side."""

    def __init__(self, window: int, width: int, bands: Sequence[slice]) -> None:
        super().__init__()
        self._window, self._bands = window, bands
        self.bands = nn.ModuleList([nn.ModuleList(_band_layers(width)) for _ in bands])
        self.last = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, waveforms: Float[Tensor, "batch sample"]) -> Verdict:
        picture = stft(waveforms.float(), n_fft=self._window, hop=self._window // 4).mT
        parts = torch.stack([picture.real, picture.imag], dim=1)
        features: list[Tensor] = []
        ends: list[Tensor] = []
        for layers, band in zip(self.bands, self._bands, strict=True):
            heard = parts[..., band]
            for layer in layers.children():
                heard = functional.leaky_relu(layer(heard), _SLOPE)
                features.append(heard)
            ends.append(heard)
        return Verdict(self.last(torch.cat(ends, dim=3)), tuple(features))


def _bands(window: int, edges: Sequence[float]) -> list[slice]:
    bins = window // 2 + 1
    places = [int(edge * bins) for edge in edges]
    if len(edges) < 2 or edges[0] != 0 or edges[-1] != 1 or any(low >= high for low, high in pairwise(places)):
        raise ParameterError(
            f"found bands {', '.join(f'{edge:g}' for edge in edges)} for {bins} bins of a window of {window}, wanted "
            "edges that rise from 0 to 1 with a bin in each band; choose fewer bands or longer windows"
        )
    return [slice(low, high) for low, high in pairwise(places)]


def _band_layers(width: int) -> list[nn.Module]:
    """Of pictures frame by bin."""
    layers: list[nn.Module] = []
    before = 2
    for stride in _STRIDES:
        layers.append(nn.Conv2d(before, width, (3, 9), stride=(1, stride), padding=(1, 4)))
        before = width
    return [*layers, nn.Conv2d(width, width, 3, padding=1)]
