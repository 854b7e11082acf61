"""Judges of mel pictures at several resolutions, each shown magnitudes and their logarithms; none mixes a batch.

Sources: Défossez et al. 2022 (EnCodec, arXiv:2210.13438), section 3.4: the convolutions. Yang et al. 2025
(ALMTokenizer, arXiv:2504.10344): mel bands in place of complex bins.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from smalti.config import Settings
from smalti.features import MelSettings, mel_filterbank, stft_magnitude
from smalti.nn.verdict import Verdict
from smalti.nn.weight_norm import norm_weights

_SLOPE = 0.2
_QUIETEST = 1e-5
_MIDDLE_DB = -50.0  # so that -100…0 dB is -1…1


class MelJudgesConfig(Settings):
    """How many judges and of what sizes; the names are the published ones.

    Differs: the shortest window, 128 samples, is padded to 256, as its own bins leave some of 64 bands without any.
    """

    hop_lengths: tuple[int, ...] = Field(
        default=(32, 64, 128, 256, 512, 1024), min_length=1, description="samples from frame to frame, a judge each"
    )
    n_fft: tuple[int, ...] = Field(default=(256, 256, 512, 1024, 2048, 2048), description="of their transforms")
    win_lengths: tuple[int, ...] = Field(default=(128, 256, 512, 1024, 2048, 2048), description="of their windows")
    n_mels: int = Field(default=64, gt=0, description="mel bands")
    filters: int = Field(default=32, gt=0, description="channels of the first layer")
    filters_scale: int = Field(default=1, gt=0, description="how many times wider each layer is than the one before")
    max_filters: int = Field(default=256, gt=0, description="most channels of a layer")
    dilations: tuple[int, ...] = Field(default=(1, 2, 4), description="in time, of the inner convolutions")

    @model_validator(mode="after")
    def _lists_fit(self) -> "MelJudgesConfig":
        lengths = {name: len(getattr(self, name)) for name in ("hop_lengths", "n_fft", "win_lengths")}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{count} in {name}" for name, count in lengths.items())
            raise ValueError(f"lists with as many numbers as judges, not {found}")
        for window, n_fft in zip(self.win_lengths, self.n_fft, strict=True):
            if not 0 < window <= n_fft:
                raise ValueError(f"no window longer than its transform, as win_lengths {window} in n_fft {n_fft} is")
        return self


class MelJudges(nn.Module):
    """One judge for each hop length, all weight-normed."""

    def __init__(self, config: MelJudgesConfig, *, sample_rate: int) -> None:
        """Lay the judges out.

        Args:
            config: how many, how large.
            sample_rate: of what they hear, Hz.
        Raises:
            ParameterError: if one of them would have a band without a bin.
        """
        super().__init__()
        sizes = zip(config.hop_lengths, config.n_fft, config.win_lengths, strict=True)
        self.judges = nn.ModuleList(
            _MelJudge(_picture(sample_rate, n_fft, hop, config.n_mels), window, _layers(config))
            for hop, n_fft, window in sizes
        )
        norm_weights(self)

    def forward(self, waveforms: Float[Tensor, "batch sample"]) -> list[Verdict]:
        """A verdict a judge; silence lies beyond the ends."""
        return [judge(waveforms) for judge in self.judges]


class _MelJudge(nn.Module):
    def __init__(self, picture: MelSettings, window: int, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self._picture, self._window = picture, window
        self.layers = nn.ModuleList(layers)

    def forward(self, waveforms: Tensor) -> Verdict:
        with torch.autocast(waveforms.device.type, enabled=False):
            heard = self._heard(waveforms.float())
        features: list[Tensor] = []
        for layer in self.layers[:-1]:
            heard = functional.leaky_relu(layer(heard), _SLOPE)
            features.append(heard)
        return Verdict(self.layers[-1](heard), tuple(features))

    def _heard(self, waveforms: Tensor) -> Float[Tensor, "batch 2 frame band"]:
        """Mel magnitudes, where a full-scale sine in a band of one bin reads one, and their levels."""
        picture = self._picture
        magnitude = stft_magnitude(waveforms, n_fft=picture.n_fft, hop=picture.hop, window=self._window)
        levels = (mel_filterbank(picture).to(magnitude) @ magnitude).mT * (4 / self._window)
        decibels = 20 * (levels + _QUIETEST).log10()
        return torch.stack([levels, decibels / -_MIDDLE_DB + 1], dim=1)


def _picture(sample_rate: int, n_fft: int, hop: int, bands: int) -> MelSettings:
    picture = MelSettings(
        sample_rate=sample_rate, n_fft=n_fft, hop=hop, bands=bands, low_hz=0.0, high_hz=sample_rate / 2, norm="sum"
    )
    with torch.device("cpu"):  # its first use shows whether it fits, wherever the judges themselves are laid out
        mel_filterbank(picture)
    return picture


def _layers(config: MelJudgesConfig) -> list[nn.Module]:
    """A wide first look, dilated ones that halve the bands, a last small one and the score."""
    layers: list[nn.Module] = [nn.Conv2d(2, config.filters, (3, 9), padding=(1, 4))]
    before = config.filters
    for position, dilation in enumerate(config.dilations, 1):
        wider = _filters(config, position)
        layers.append(nn.Conv2d(before, wider, (3, 9), stride=(1, 2), dilation=(dilation, 1), padding=(dilation, 4)))
        before = wider
    wider = _filters(config, len(config.dilations) + 1)
    return [*layers, nn.Conv2d(before, wider, 3, padding=1), nn.Conv2d(wider, 1, 3, padding=1)]


def _filters(config: MelJudgesConfig, layer: int) -> int:
    return min(config.filters * config.filters_scale**layer, config.max_filters)
