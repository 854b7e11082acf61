"""Judges of waveforms: of their halvings, of every n-th sample, of spectra; none mixes the items of a batch.

Sources: Kumar et al. 2019 (MelGAN): scales. Kong et al. 2020 (HiFi-GAN): periods. Jang et al. 2021 (UnivNet): spectra.
"""

from collections.abc import Callable, Sequence
from functools import partial

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from smalti.features import stft_magnitude
from smalti.nn.verdict import Verdict
from smalti.nn.weight_norm import norm_weights

_WIDEST = 1024


class WaveformJudges(nn.Module):
    """Any number of judges of each kind, all weight-normed.

    Args:
        scales: judges of the waveform, of its half rate, of its quarter rate, …
        periods: one judge each, of the waveform folded by it.
        windows: one judge each, of magnitudes of so many samples a frame.
        width: channels of their first layers.
        slope: of their activations below zero.
    """

    def __init__(
        self, *, scales: int, periods: Sequence[int], windows: Sequence[int], width: int, slope: float = 0.2
    ) -> None:
        super().__init__()
        judges = [
            *(_Judge(_scale_layers(width), partial(_halved, times=scale), slope) for scale in range(scales)),
            *(_Judge(_period_layers(width), partial(_in_periods, period=period), slope) for period in periods),
            *(_Judge(_spectrum_layers(width), partial(_spectrum, window=window), slope) for window in windows),
        ]
        self.judges = nn.ModuleList(judges)
        norm_weights(self)

    def forward(self, waveforms: Float[Tensor, "batch sample"]) -> list[Verdict]:
        """A verdict a judge."""
        return [judge(waveforms) for judge in self.judges]


class _Judge(nn.Module):
    """Layers, each but the last of which is heard as a feature."""

    def __init__(self, layers: Sequence[nn.Module], prepare: Callable[[Tensor], Tensor], slope: float) -> None:
        super().__init__()
        self._prepare, self._slope = prepare, slope
        self.layers = nn.ModuleList(layers)

    def forward(self, waveforms: Float[Tensor, "batch sample"]) -> Verdict:
        heard, features = self._prepare(waveforms), []
        for layer in self.layers[:-1]:
            heard = functional.leaky_relu(layer(heard), self._slope)
            features.append(heard)
        return Verdict(self.layers[-1](heard), tuple(features))


def _halved(waveforms: Tensor, *, times: int) -> Tensor:
    heard = waveforms[:, None]
    for _ in range(times):
        heard = functional.avg_pool1d(heard, 4, stride=2, padding=1, count_include_pad=False)
    return heard


def _in_periods(waveforms: Tensor, *, period: int) -> Tensor:
    padded = functional.pad(waveforms, (0, -waveforms.shape[1] % period))
    return padded.unflatten(1, (-1, period))[:, None]


def _spectrum(waveforms: Tensor, *, window: int) -> Tensor:
    return stft_magnitude(waveforms.float(), n_fft=window, hop=window // 4)[:, None]


def _scale_layers(width: int) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv1d(1, width, 15, padding=7, padding_mode="reflect")]
    for _ in range(4):
        wider = min(4 * width, _WIDEST)
        layers.append(nn.Conv1d(width, wider, 41, stride=4, padding=20, groups=max(width // 4, 1)))
        width = wider
    wider = min(2 * width, _WIDEST)
    return [*layers, nn.Conv1d(width, wider, 5, padding=2), nn.Conv1d(wider, 1, 3, padding=1)]


def _period_layers(width: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    before = 1
    for wider in (width, 4 * width, 16 * width, 32 * width):
        wider = min(wider, _WIDEST)
        layers.append(nn.Conv2d(before, wider, (5, 1), stride=(3, 1), padding=(2, 0)))
        before = wider
    return [*layers, nn.Conv2d(before, before, (5, 1), padding=(2, 0)), nn.Conv2d(before, 1, (3, 1), padding=(1, 0))]


def _spectrum_layers(width: int) -> list[nn.Module]:
    first = nn.Conv2d(1, width, (9, 3), padding=(4, 1))
    halving = [nn.Conv2d(width, width, (9, 3), stride=(2, 1), padding=(4, 1)) for _ in range(3)]
    last = (nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, 1, 3, padding=1))
    return [first, *halving, *last]
