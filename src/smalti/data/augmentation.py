"""The same words from another mouth, in another room: what a tokenizer must not hear is changed at random.

Every item has a seed of its own, so that it changes in the same way alone and in any batch. On log-mel pictures a whole
batch costs less than a step's smallest layer; what needs the waveform (other keys) is done on waveforms.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from smalti.config import Settings
from smalti.core import Audio
from smalti.features import MelSettings, shift_pitch, stretch, warped_bands

_COLOURS = torch.tensor([1.0, 0.7, 0.5, 0.35])  # of the slow waves along the bands, from the slowest
_NEPER_DB = 10 / math.log(10)  # decibels in a power's ln of 1


class FrameAugmentation(Settings):
    """How much log-mel frames may change; 0 leaves a property as it is."""

    warp: float = Field(default=0.0, ge=0, description="most that formants move, as ln of the factor: 0.15 is 16 %")
    tempo: float = Field(default=0.0, ge=0, description="most that a clip is faster or slower, as ln of the factor")
    colour_db: float = Field(
        default=0.0, ge=0, description="deviation of the slowest of four waves along the bands, as of a microphone"
    )
    noise: float = Field(default=0.0, ge=0, le=1, description="chance of noise")
    noise_low_db: float = Field(default=8.0, description="least that it lies below the clip")
    noise_high_db: float = Field(default=35.0, description="most that it lies below the clip")
    band_mask: float = Field(default=0.0, ge=0, le=1, description="most of the bands that one mask hides")
    frame_mask: float = Field(default=0.0, ge=0, le=1, description="most of the frames that one mask hides")

    @model_validator(mode="after")
    def _ordered(self) -> "FrameAugmentation":
        if self.noise_low_db > self.noise_high_db:
            raise ValueError(
                f"found noise from {self.noise_low_db} to {self.noise_high_db} dB below the clip; give the lower first"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveformAugmentation:
    """Ranges that a waveform's properties are drawn from, evenly.

    Attributes:
        semitones: of the shift in pitch.
        rates: of the tempo.
        gain_db: of the level.
        noise_db: of white noise below the clip's power; None adds none.
    """

    semitones: tuple[float, float] = (0.0, 0.0)
    rates: tuple[float, float] = (1.0, 1.0)
    gain_db: tuple[float, float] = (0.0, 0.0)
    noise_db: tuple[float, float] | None = None


@torch.no_grad()
def augment_frames(
    frames: Float[Tensor, "batch frame band"],
    lengths: Int64[Tensor, " batch"],
    settings: FrameAugmentation,
    *,
    picture: MelSettings | None,
    seeds: Sequence[int],
) -> tuple[Float[Tensor, "batch changed band"], Int64[Tensor, " batch"]]:
    """Each item changed as its seed says, and its new length; zeros stand behind.

    Args:
        frames: ln of power in mel bands, without normalisation.
        lengths: frames of each item, at least one.
        settings: how much.
        picture: whose bands these are; None if they are no mel bands: then only tempo and masks change them.
        seeds: of each item.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    draws = torch.stack([torch.rand(16, generator=one) for one in generators]).to(frames.device)
    spread = 2 * draws - 1
    lengths, frames = _at_tempo(frames, lengths, (settings.tempo * spread[:, 0]).exp())
    if settings.warp and picture is not None:
        places = warped_bands(picture, (settings.warp * spread[:, 1]).exp())
        frames = _between(frames.mT, places).mT
    inside = (torch.arange(frames.shape[1], device=frames.device) < lengths[:, None])[..., None]
    if settings.colour_db and picture is not None:
        deviates = torch.erfinv((0.998 * spread[:, 2:6]).clamp(-0.998, 0.998)) * 2**0.5
        frames = frames + settings.colour_db / _NEPER_DB * _waves(deviates, frames.shape[2])[:, None]
    if settings.noise and picture is not None:
        frames = _with_noise(frames, lengths, settings, draws[:, 6:10], generators)
    mean = torch.where(inside, frames, 0).sum(dim=1, keepdim=True) / lengths[:, None, None]
    frames = torch.where(_masked(lengths, frames.shape, settings, draws[:, 10:14]), mean, frames)
    return torch.where(inside, frames, 0), lengths


@torch.no_grad()
def augment_waveforms(audio: Audio, settings: WaveformAugmentation, *, seeds: Sequence[int]) -> Audio:
    """Each item in another key, tempo, level and noise, as its seed says."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    draws = torch.stack([torch.rand(4, generator=one, dtype=torch.float64) for one in generators])

    def drawn(which: int, span: tuple[float, float]) -> Float[Tensor, " batch"]:
        return span[0] + (span[1] - span[0]) * draws[:, which]

    if any(settings.semitones):
        audio = shift_pitch(audio, drawn(0, settings.semitones).tolist())
    if settings.rates != (1.0, 1.0):
        audio = stretch(audio, drawn(1, settings.rates).tolist())
    rows = []
    gains = 10 ** (drawn(2, settings.gain_db) / 20)
    below = None if settings.noise_db is None else 10 ** (-drawn(3, settings.noise_db) / 20)
    for row, item in enumerate(audio.items()):
        samples = item.samples
        if below is not None:
            noise = torch.randn(samples.shape, generator=generators[row]).to(samples)
            samples = samples + noise * below[row].float() * samples.square().mean().sqrt().nan_to_num()
        rows.append(Audio(samples * gains[row].float(), audio.sample_rate, item.lengths))
    return Audio.batch(rows)


def _at_tempo(frames: Tensor, lengths: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
    """Lengths and frames once each item is so many times as fast."""
    faster = (lengths / rates).round().long().clamp(min=1)
    steps = torch.arange(int(faster.max()), device=frames.device) * (lengths / faster)[:, None]
    return faster, _between(frames, torch.minimum(steps, lengths[:, None] - 1.0))


def _between(frames: Float[Tensor, "batch place dim"], places: Float[Tensor, "batch new"]) -> Tensor:
    """Rows of each item read between two places."""
    before = places.long().clamp(max=max(frames.shape[1] - 2, 0))
    after = (before + 1).clamp(max=frames.shape[1] - 1)
    share = (places - before)[..., None]
    # whole rows by their number are copied faster than a gather of their cells
    rows, first = frames.flatten(0, 1), torch.arange(len(frames), device=frames.device)[:, None] * frames.shape[1]
    left, right = (functional.embedding(first + where, rows) for where in (before, after))
    return torch.lerp(left, right, share.to(frames.dtype))


def _waves(heights: Float[Tensor, "batch wave"], bands: int) -> Float[Tensor, "batch band"]:
    """Sums of half waves, the first over all bands, each next one shorter and lower."""
    along = torch.linspace(0, torch.pi, bands, device=heights.device)
    orders = torch.arange(1, heights.shape[1] + 1, device=heights.device)
    waves = torch.cos(orders[:, None] * along)
    heights = heights * _COLOURS[: heights.shape[1]].to(heights)
    # added one by one: a matrix product may round an item otherwise in another batch
    return torch.stack([height[:, None] * wave for height, wave in zip(heights.T, waves, strict=True)]).sum(0)


def _with_noise(
    frames: Tensor, lengths: Tensor, settings: FrameAugmentation, draws: Tensor, generators: list[torch.Generator]
) -> Tensor:
    """Noise of a random slope over the bands; its power in a cell is exponentially distributed, as noise's is."""
    noisy = (draws[:, 0] < settings.noise).nonzero()[:, 0]
    if not len(noisy):
        return frames
    some, counts, draws = frames[noisy], lengths[noisy], draws[noisy]
    below = settings.noise_low_db + (settings.noise_high_db - settings.noise_low_db) * draws[:, 1]
    inside = (torch.arange(some.shape[1], device=some.device) < counts[:, None])[..., None]
    power = torch.where(inside, some.exp(), 0).sum(dim=(1, 2)) / (counts * some.shape[2])
    level = power.clamp(min=1e-20).log() - below / _NEPER_DB
    slope = _waves(4 * draws[:, 2:] - 2, some.shape[2])
    cells = torch.full_like(some, 1.0)
    for row, (item, length) in enumerate(zip(noisy.tolist(), counts.tolist(), strict=True)):
        drawn = torch.empty(length, some.shape[2]).exponential_(generator=generators[item])
        cells[row, :length] = drawn.clamp(min=1e-3)
    heard = torch.logaddexp(some, cells.log() + (level[:, None] + slope)[:, None])
    return frames.index_copy(0, noisy, heard)


def _masked(lengths: Tensor, shape: torch.Size, settings: FrameAugmentation, draws: Tensor) -> Tensor:
    """True in one span of frames and one of bands of each item."""
    hidden = torch.zeros(shape, dtype=torch.bool, device=lengths.device)
    spans = ((1, settings.frame_mask, lengths), (2, settings.band_mask, torch.full_like(lengths, shape[2])))
    for (axis, most, extent), (size, begin) in zip(spans, draws.T.reshape(2, 2, -1), strict=True):
        width = (size * most * extent).long()
        first = (begin * (extent - width + 1)).long()
        place = torch.arange(shape[axis], device=lengths.device)
        span = (place >= first[:, None]) & (place < (first + width)[:, None])
        hidden |= span.unsqueeze(3 - axis)
    return hidden
