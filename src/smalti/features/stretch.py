"""Other tempos and other keys of the same recording: what a hummed query is to the song that it should find.

A phase vocoder reads the frames of a spectrogram at another pace, moving every partial's phase on by as much as it
moved in the recording there; the pitch stays. Played faster by as much as it was made longer, a sound keeps its
duration and changes its pitch (and, as on a tape, its formants).
"""

import math
from collections.abc import Sequence

import soxr
import torch
from jaxtyping import Complex, Float, Int64
from torch import Tensor

from smalti.core import Audio, ParameterError
from smalti.features.stft import inverse_stft, stft

_WINDOW_SECONDS = 0.05  # resolves the partials of a low voice, and is short for a syllable
_SLOWEST, _FASTEST = 0.1, 10.0
_FARTHEST = 36.0  # semitones


def stretch(audio: Audio, rates: Sequence[float]) -> Audio:
    """Every item at another tempo and its own pitch.

    Args:
        audio: a batch; each item comes out as it does alone.
        rates: of each item: 2 plays it in half its time, 1 leaves it as it is.
    Returns:
        Items of round(length / rate) samples.
    Raises:
        ParameterError: if a rate is not in 0.1…10, or there is not one for each item.
    Source: Laroche & Dolson 1999, "Improved phase vocoder time-scale modification of audio", identity phase locking.
    """
    _require(audio, rates, _SLOWEST, _FASTEST, "rate")
    n_fft = 2 ** round(math.log2(_WINDOW_SECONDS * audio.sample_rate))
    lengths = (audio.lengths.double() / torch.tensor(rates, device=audio.lengths.device)).round().long()
    longest = int(lengths.max()) if len(lengths) else 0
    if not longest:
        return Audio(audio.samples[:, :0], audio.sample_rate, lengths)
    hop = n_fft // 4
    # silence behind, so that the last frames are the same in any batch
    sound = torch.nn.functional.pad(audio.zero_padded().samples, (0, 2 * n_fft))
    frames = -(-longest // hop) + n_fft // hop + 1
    spectrum = _at_pace(stft(sound, n_fft=n_fft, hop=hop), rates, frames)
    out = inverse_stft(spectrum, hop=hop)[:, :longest]
    return Audio(out, audio.sample_rate, lengths).zero_padded()


def shift_pitch(audio: Audio, semitones: Sequence[float]) -> Audio:
    """Every item in another key and its own tempo and length.

    Args:
        audio: a batch; each item comes out as it does alone.
        semitones: of each item, upwards; 12 doubles every frequency.
    Raises:
        ParameterError: if a shift is not in -36…36, or there is not one for each item.
    """
    _require(audio, semitones, -_FARTHEST, _FARTHEST, "shift in semitones")
    factors = [2 ** (shift / 12) for shift in semitones]
    longer = stretch(audio, [1 / factor for factor in factors])
    samples = torch.zeros_like(audio.samples)
    for row, (item, factor) in enumerate(zip(longer.items(), factors, strict=True)):
        faster = torch.from_numpy(soxr.resample(item.samples[0].detach().cpu().numpy(), factor, 1, quality="HQ"))
        kept = min(len(faster), int(audio.lengths[row]))
        samples[row, :kept] = faster[:kept]
    return Audio(samples, audio.sample_rate, audio.lengths)


def _require(audio: Audio, values: Sequence[float], least: float, most: float, what: str) -> None:
    if len(values) != len(audio.lengths):
        raise ParameterError(f"found {len(values)} values of {what} for {len(audio.lengths)} items; give one each")
    for value in values:
        if not least <= value <= most:
            raise ParameterError(f"{what} is {value}; choose one in {least:g}…{most:g}")


def _at_pace(
    spectrum: Complex[Tensor, "batch bin frame"], rates: Sequence[float], frames: int
) -> Complex[Tensor, "batch bin paced"]:
    """Frame t as the recording is at frame t · rate: magnitudes between two frames, phases moved on from the last."""
    pace = torch.tensor(rates, dtype=torch.float64, device=spectrum.device)
    place = torch.arange(frames, device=spectrum.device) * pace[:, None]
    before = place.long().clamp(max=spectrum.shape[2] - 2)
    between = (place - before).clamp(max=1).to(spectrum.real.dtype)[:, None]
    index = before[:, None].expand(-1, spectrum.shape[1], -1)
    left, right = spectrum.gather(2, index), spectrum.gather(2, index + 1)
    magnitude = left.abs() * (1 - between) + right.abs() * between
    phase = _locked_phases(left.angle(), (right * left.conj()).angle(), _nearest_peaks(magnitude))
    return torch.polar(magnitude, phase)


def _locked_phases(
    heard: Float[Tensor, "batch bin frame"],
    moved: Float[Tensor, "batch bin frame"],
    peaks: Int64[Tensor, "batch bin frame"],
) -> Float[Tensor, "batch bin frame"]:
    """Peaks move on as they moved in the recording (both hops are equal, so whole turns do not matter); the bins around
    a peak keep to it as they did there, or a partial would cancel itself."""
    phases = [heard[:, :, 0]]
    for frame in range(1, heard.shape[2]):
        turned = phases[-1] + moved[:, :, frame - 1] - heard[:, :, frame]
        phases.append((heard[:, :, frame] + turned.gather(1, peaks[:, :, frame])).remainder(2 * math.pi))
    return torch.stack(phases, dim=2)


def _nearest_peaks(magnitude: Float[Tensor, "batch bin frame"]) -> Int64[Tensor, "batch bin frame"]:
    """For each bin, the nearest one that no other within two bins exceeds; the lower of two."""
    around = torch.nn.functional.max_pool1d(magnitude.mT, 5, stride=1, padding=2).mT
    far = magnitude.shape[1]
    bins = torch.arange(far, device=magnitude.device)[:, None]
    peak = magnitude == around
    below = torch.where(peak, bins, -far).cummax(1).values
    above = torch.where(peak, bins, 2 * far).flip(1).cummin(1).values.flip(1)
    return torch.where(bins - below <= above - bins, below, above)
