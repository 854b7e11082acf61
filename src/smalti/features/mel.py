"""Mel pictures under named presets, so that a codec, a metric and a reference mean the same picture by one name."""

import math
from dataclasses import dataclass, fields
from functools import cache
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError, nearest
from smalti.features.stft import stft_magnitude

_LINEAR_TOP_HZ = 1000.0
_HZ_PER_MEL = 200.0 / 3.0
_LOG_STEP = math.log(6.4) / 27.0
_RISE_DB = 1.0  # over the floor, until magnitudes are what a picture says


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MelSettings:
    """One mel picture, completely: equal settings give equal numbers.

    Pictures whose authors take the natural logarithm are the same pictures in other numbers: see `natural_log`.

    Attributes:
        sample_rate: Hz.
        n_fft: samples per frame (and of its Hann window).
        hop: samples from frame to frame.
        bands: triangular filters, evenly spaced in mel between `low_hz` and `high_hz`.
        scale: "slaney" (linear below 1 kHz, logarithmic above) or "htk".
        norm: "slaney" (unit area per Hz), "sum" (each band's weights sum to one) or None (unit peak).
        unit: "stft" (magnitudes as the transform gives them) or "sine" (a full-scale sine reads one).
        floor_db, ceiling_db: log-mel 0 and 1; what lies outside is clipped.
        aligned: frame t of a centred picture is centred on the "start" of hop t, sample t·hop, and there is one frame
            more than whole hops; or on its "middle", half a hop later, and there are as many.
    """

    sample_rate: int
    n_fft: int
    hop: int
    bands: int
    low_hz: float
    high_hz: float
    scale: Literal["slaney", "htk"] = "slaney"
    norm: Literal["slaney", "sum"] | None = "slaney"
    unit: Literal["stft", "sine"] = "stft"
    floor_db: float = -80.0
    ceiling_db: float = 20.0
    aligned: Literal["start", "middle"] = "start"

    def __repr__(self) -> str:
        """Every setting but what is as it always was: fingerprints of codecs contain this text."""
        shown = [field.name for field in fields(self) if field.name != "aligned" or self.aligned != "start"]
        return f"MelSettings({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    @property
    def lead(self) -> int:
        """Samples by which frame t of a centred picture begins before sample t·hop."""
        return (self.n_fft if self.aligned == "start" else self.n_fft - self.hop) // 2

    @property
    def frame_rate(self) -> float:
        """Frames per second, in Hz."""
        return self.sample_rate / self.hop

    @property
    def bins(self) -> int:
        """Frequencies of the transform, from 0 to half the sample rate."""
        return self.n_fft // 2 + 1

    @property
    def range_db(self) -> float:
        """Decibels per unit of log-mel."""
        return self.ceiling_db - self.floor_db


MEL_PRESETS = {
    # SpecVQGAN's picture: (20·log10 m + 80) / 100, clipped to 0…1.
    "specvqgan": MelSettings(sample_rate=22050, n_fft=1024, hop=256, bands=80, low_hz=125.0, high_hz=7600.0),
    # The whole band in the yardstick's unit: an error here is the error that `log_mel_l1_db` counts.
    "wide": MelSettings(
        sample_rate=22050,
        n_fft=1024,
        hop=256,
        bands=80,
        low_hz=0.0,
        high_hz=11025.0,
        norm="sum",
        unit="sine",
        ceiling_db=0.0,
    ),
    # ln max(m, 1e-5), as HiFi-GAN's and BigVGAN's authors have it at 22.05 kHz with fmax 8000.
    "hifigan22k": MelSettings(
        sample_rate=22050,
        n_fft=1024,
        hop=256,
        bands=80,
        low_hz=0.0,
        high_hz=8000.0,
        floor_db=-100.0,
        ceiling_db=40.0,
        aligned="middle",
    ),
    # ln max(m, 1e-5), as BigVGAN's authors have it at 44.1 kHz with 128 bands and 512 samples a frame.
    "bigvgan44k": MelSettings(
        sample_rate=44100,
        n_fft=2048,
        hop=512,
        bands=128,
        low_hz=0.0,
        high_hz=22050.0,
        floor_db=-100.0,
        ceiling_db=40.0,
        aligned="middle",
    ),
    # ln max(m, 1e-7), as Vocos's authors have it at 24 kHz.
    "vocos24k": MelSettings(
        sample_rate=24000,
        n_fft=1024,
        hop=256,
        bands=100,
        low_hz=0.0,
        high_hz=12000.0,
        scale="htk",
        norm=None,
        floor_db=-140.0,
        ceiling_db=60.0,
    ),
}
MEL_PRESETS["bigvgan22k"] = MEL_PRESETS["hifigan22k"]  # the same picture by its other name


def mel(
    samples: Float[Tensor, "batch sample"], settings: MelSettings, *, centred: bool = True
) -> Float[Tensor, "batch band frame"]:
    """Mel magnitudes: |STFT| summed in bands.

    Args:
        samples: waveforms at `settings.sample_rate`, full scale ±1.
        settings: the picture.
        centred: as `settings.aligned` says, with silence beyond the ends; otherwise frame t begins at sample t·hop.
    Source: equals librosa.feature.melspectrogram(power=1, pad_mode="constant") within 1e-4 (scale and norm "slaney").
    """
    if centred:
        samples = torch.nn.functional.pad(samples, (settings.lead, settings.lead))
    magnitude = stft_magnitude(samples, n_fft=settings.n_fft, hop=settings.hop, centred=False)
    return mel_filterbank(settings).to(magnitude) @ magnitude


def log_mel(
    samples: Float[Tensor, "batch sample"], settings: MelSettings, *, centred: bool = True
) -> Float[Tensor, "batch band frame"]:
    """Log-mel in 0…1: 0 is `floor_db` or less, 1 is `ceiling_db` or more. Arguments as in `mel`."""
    return to_log_mel(mel(samples, settings, centred=centred), settings)


def hop_by_hop(samples: Float[Tensor, "batch sample"], settings: MelSettings) -> Float[Tensor, "batch band frame"]:
    """Log-mel with one frame for every hop begun, ceil(samples / hop) of them: what a vocoder is given."""
    frames = -(-samples.shape[1] // settings.hop)
    if not frames:
        return samples.new_zeros(len(samples), settings.bands, 0)
    whole = torch.nn.functional.pad(samples, (0, frames * settings.hop - samples.shape[1]))
    return log_mel(whole, settings)[:, :, :frames]


def to_log_mel(mel: Float[Tensor, "*batch band frame"], settings: MelSettings) -> Float[Tensor, "*batch band frame"]:
    """Map mel magnitudes to log-mel in 0…1."""
    quietest = 10 ** (settings.floor_db / 20)
    level = 20 * torch.log10(mel.clamp(min=quietest))
    return ((level - settings.floor_db) / settings.range_db).clamp(0, 1)


def natural_log(
    log_mel: Float[Tensor, "*batch band frame"], settings: MelSettings
) -> Float[Tensor, "*batch band frame"]:
    """The same picture as ln of mel magnitudes, no less than the floor."""
    return (log_mel * settings.range_db + settings.floor_db) * (math.log(10) / 20)


def from_log_mel(
    log_mel: Float[Tensor, "*batch band frame"], settings: MelSettings
) -> Float[Tensor, "*batch band frame"]:
    """Mel magnitudes of a log-mel picture; the floor becomes silence, so that nothing in gives nothing out.

    Within the first decibel magnitudes rise from there in a line: a net misses the floor by some hundredths.
    """
    above = log_mel.clamp(0, 1) * settings.range_db
    return 10 ** ((above + settings.floor_db) / 20) * (above / _RISE_DB).clamp(max=1)


def preset_of(settings: MelSettings) -> str:
    """The name of a picture in `MEL_PRESETS`; its settings in words if it has none."""
    return next((name for name, known in MEL_PRESETS.items() if known == settings), str(settings))


def find_picture(name: str) -> MelSettings:
    """A mel preset by its name.

    Raises:
        ParameterError: if it is unknown; names the nearest.
    """
    if name not in MEL_PRESETS:
        raise ParameterError(f"mel preset {name!r} is unknown; {nearest(name, MEL_PRESETS)}")
    return MEL_PRESETS[name]


def warped_bands(settings: MelSettings, factors: Float[Tensor, " batch"]) -> Float[Tensor, "batch band"]:
    """Where each band of a picture is found, in bands of that picture, once all its frequencies are times a factor.

    A voice from a shorter throat has the same sounds at higher frequencies: a factor above 1 moves what is in a band to
    a higher one. Outside the picture its first or last band is meant.
    """
    ends = torch.tensor([settings.low_hz, settings.high_hz], dtype=torch.float64)
    low, high = _to_mel(ends, settings.scale).tolist()
    step = (high - low) / (settings.bands + 1)
    centres = _to_hz(low + step * torch.arange(1, settings.bands + 1, dtype=torch.float64), settings.scale)
    found = _to_mel(centres.to(factors.device) / factors.double()[:, None], settings.scale)
    return ((found - low) / step - 1).clamp(0, settings.bands - 1).float()


@cache
def mel_filterbank(settings: MelSettings, *, deaf: bool = False) -> Float[Tensor, "band bin"]:
    """Weights of every bin in every band.

    Args:
        settings: the picture.
        deaf: whether a band may hold no bin, and then hears nothing.
    Raises:
        ParameterError: if the band edges are not in 0…sample_rate / 2, or a band would hold no bin and may not.
    Source: O'Shaughnessy 1987; equals librosa.filters.mel within 1e-6.
    """
    if not 0 <= settings.low_hz < settings.high_hz <= settings.sample_rate / 2:
        raise ParameterError(
            f"bands from {settings.low_hz} to {settings.high_hz} Hz do not lie in "
            f"0…{settings.sample_rate / 2} Hz; choose low_hz < high_hz within"
        )
    ends = torch.tensor([settings.low_hz, settings.high_hz], dtype=torch.float64)
    low, high = _to_mel(ends, settings.scale).tolist()
    edges = _to_hz(torch.linspace(low, high, settings.bands + 2, dtype=torch.float64), settings.scale)
    bins = torch.linspace(0, settings.sample_rate / 2, settings.bins, dtype=torch.float64)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    weights = torch.minimum(rising, falling).clamp(min=0)
    if not deaf and not weights.any(dim=1).all():
        raise ParameterError(
            f"{settings.bands} bands leave one without a bin of {settings.n_fft} samples; "
            "choose fewer bands or longer frames"
        )
    return (weights * _gain(weights, edges, settings)).float()


def _gain(weights: Tensor, edges: Tensor, settings: MelSettings) -> Tensor:
    gain = torch.ones(settings.bands, 1, dtype=torch.float64)
    if settings.norm == "slaney":
        gain = 2 / (edges[2:] - edges[:-2])[:, None]
    if settings.norm == "sum":
        gain = 1 / weights.sum(dim=1, keepdim=True)
    # a full-scale sine reads n_fft / 4 in a Hann-windowed transform
    return gain * (4 / settings.n_fft if settings.unit == "sine" else 1)


def _to_mel(hz: Tensor, scale: str) -> Tensor:
    if scale == "htk":
        return 2595 * torch.log10(1 + hz / 700)
    above = _LINEAR_TOP_HZ / _HZ_PER_MEL + torch.log(hz.clamp(min=_LINEAR_TOP_HZ) / _LINEAR_TOP_HZ) / _LOG_STEP
    return torch.where(hz < _LINEAR_TOP_HZ, hz / _HZ_PER_MEL, above)


def _to_hz(mel: Tensor, scale: str) -> Tensor:
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    knee = _LINEAR_TOP_HZ / _HZ_PER_MEL
    return torch.where(mel < knee, mel * _HZ_PER_MEL, _LINEAR_TOP_HZ * torch.exp((mel - knee) * _LOG_STEP))
