"""How strongly each frame repeats itself at each pitch, and the melody line through it: what hum and song share.

A frame's likeness to itself some lag later says how periodic it is at that lag, whatever the loudness, the timbre and
the strength of its fundamental. Read on a grid of semitones it is a picture of pitch, in which another key is a shift.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from smalti.core import Audio

_CHUNK = 512  # frames compared at once
_FINER = 4  # lags between two samples
_OCTAVE_COST = 0.02  # likeness that a pitch an octave lower must have more, as every second period is alike too
_UNVOICED = 0.6  # likeness of a frame that has no pitch
_VOICING_COST, _JUMP_COST = 0.3, 0.06  # of a beginning or an end, and of a semitone from frame to frame
_MOST_JUMP = 0.5
_QUIET_DB = 40.0  # below the loudest frame there is no pitch


@dataclass(frozen=True, slots=True, kw_only=True)
class PitchSettings:
    """The grid of pitches and frames.

    Attributes:
        sample_rate: Hz.
        hop: samples from frame to frame; frame t is centred on the middle of hop t.
        window: samples that are compared; two periods of the lowest pitch and more.
        low, high: MIDI numbers of the first and the last pitch (69 is 440 Hz).
        steps: pitches to a semitone.
    """

    sample_rate: int = 16000
    hop: int = 160
    window: int = 1024
    low: int = 30
    high: int = 86
    steps: int = 4

    @property
    def bins(self) -> int:
        """Pitches of the grid."""
        return (self.high - self.low) * self.steps + 1


def pitch_salience(audio: Audio, settings: PitchSettings) -> Float[Tensor, "batch frame bin"]:
    """Likeness of every frame to itself one period later, -1…1, for every pitch of the grid; 0 in silence.

    One frame for every hop begun; silence lies beyond the ends.

    Args:
        audio: at the settings' rate.
        settings: the grid.
    Raises:
        SpecError: if the audio is at another rate.
    Source: the normalised square difference function of McLeod & Wyvill 2005, "A smarter way to find pitch".
    """
    audio.require_rate(settings.sample_rate, "this picture of pitch")
    frames = -(-audio.samples.shape[1] // settings.hop)
    lead = (settings.window - settings.hop) // 2
    behind = frames * settings.hop + settings.window - settings.hop - lead - audio.samples.shape[1]
    sound = torch.nn.functional.pad(audio.zero_padded().samples, (lead, max(behind, 0)))
    pieces = sound.unfold(1, settings.window, settings.hop)[:, :frames]
    parts = [
        _likeness(pieces[:, first : first + _CHUNK].flatten(0, 1), settings).unflatten(0, (len(pieces), -1))
        for first in range(0, frames, _CHUNK)
    ]
    return torch.cat(parts, dim=1) if parts else sound.new_zeros(len(pieces), 0, settings.bins)


def pitch_track(
    salience: Float[Tensor, "batch frame bin"],
    audio: Audio,
    settings: PitchSettings,
) -> Float[Tensor, "batch frame"]:
    """The melody line: MIDI number of every frame, with fractions; NaN where there is no pitch.

    The line with the most likeness, less what it costs to jump, to begin and to end.

    Source: Boersma 1993, "Accurate short-term analysis of the fundamental frequency"; here of `pitch_salience`.
    """
    lengths = -(-audio.lengths // settings.hop)
    loud = _loud(audio, settings, salience.shape[1])
    octaves = torch.arange(settings.bins, device=salience.device) / (12 * settings.steps)
    voiced = torch.where(loud[..., None], salience + _OCTAVE_COST * (octaves - octaves[-1]), -1.0)
    states = torch.cat([voiced, torch.full_like(voiced[..., :1], _UNVOICED)], dim=2)
    lines = _best_lines(states, lengths, _costs(settings).to(salience))
    midi = settings.low + _refined(salience, lines.clamp(max=settings.bins - 1)) / settings.steps
    inside = torch.arange(salience.shape[1], device=salience.device) < lengths[:, None]
    return torch.where(inside & (lines < settings.bins), midi, math.nan)


def _likeness(pieces: Float[Tensor, "frame sample"], settings: PitchSettings) -> Float[Tensor, "frame bin"]:
    window = settings.window
    size = 2 * window
    power = torch.fft.rfft(pieces, n=size).abs().square()
    fine = torch.fft.irfft(power, n=size * _FINER)[:, : window * _FINER] * _FINER
    # energy of the two parts that overlap at a lag
    squares = torch.nn.functional.pad(pieces.square().cumsum(1), (1, 0))
    whole = squares[:, -1:]
    lag = settings.sample_rate / _hertz(settings).to(pieces)
    at = lag.long().clamp(max=window - 1)
    energy = squares[:, window - at] + whole - squares[:, at]
    place = lag * _FINER
    before = place.long().clamp(max=window * _FINER - 2)
    alike = torch.lerp(fine[:, before], fine[:, before + 1], place - before)
    # every sound is like itself a moment later: what counts comes after it was once unlike
    turned = (fine < 0).cummax(dim=1).values[:, before]
    return torch.where(turned & (energy > 1e-8 * window), 2 * alike / energy.clamp(min=1e-12), 0).clamp(-1, 1)


def _hertz(settings: PitchSettings) -> Float[Tensor, " bin"]:
    midi = settings.low + torch.arange(settings.bins, dtype=torch.float64) / settings.steps
    return 440 * 2 ** ((midi - 69) / 12)


def _loud(audio: Audio, settings: PitchSettings, frames: int) -> Bool[Tensor, "batch frame"]:
    samples = audio.zero_padded().samples
    whole = torch.nn.functional.pad(samples, (0, frames * settings.hop - samples.shape[1]))
    power = whole.unflatten(1, (frames, settings.hop)).square().mean(dim=2)
    return power > power.amax(dim=1, keepdim=True) * 10 ** (-_QUIET_DB / 10)


def _costs(settings: PitchSettings) -> Float[Tensor, "state state"]:
    """Of going from one pitch to another; the last state has none."""
    place = torch.arange(settings.bins) / settings.steps
    jumps = ((place[:, None] - place).abs() * _JUMP_COST).clamp(max=_MOST_JUMP)
    costs = torch.nn.functional.pad(jumps, (0, 1, 0, 1), value=_VOICING_COST)
    costs[-1, -1] = 0
    return costs


def _best_lines(
    states: Float[Tensor, "batch frame state"],
    lengths: Int64[Tensor, " batch"],
    costs: Float[Tensor, "state state"],
) -> Int64[Tensor, "batch frame"]:
    """States along the best path of each item (Viterbi); padding stays in the last state reached."""
    if not states.shape[1]:
        return torch.zeros(states.shape[:2], dtype=torch.int64, device=states.device)
    score = states[:, 0]
    origins: list[Tensor] = []
    for frame in range(1, states.shape[1]):
        best, origin = (score[:, :, None] - costs).max(dim=1)
        inside = (frame < lengths)[:, None]
        score = torch.where(inside, best + states[:, frame], score)
        stays = torch.arange(states.shape[2], device=states.device)
        origins.append(torch.where(inside, origin, stays).to(torch.int16))
    path: list[Tensor] = [score.argmax(dim=1)]
    for origin in reversed(origins):
        path.append(origin.long().gather(1, path[-1][:, None])[:, 0])
    return torch.stack(path[::-1], dim=1)


def _refined(salience: Tensor, bins: Int64[Tensor, "batch frame"]) -> Float[Tensor, "batch frame"]:
    """The top of a parabola through each bin and its neighbours."""
    middle = bins.clamp(1, salience.shape[2] - 2)
    left, top, right = (salience.gather(2, (middle + step)[..., None])[..., 0] for step in (-1, 0, 1))
    bend = left - 2 * top + right
    shift = torch.where(bend < -1e-6, (left - right) / (2 * bend.clamp(max=-1e-6)), 0).clamp(-0.5, 0.5)
    return torch.where(bins == middle, bins + shift, bins.to(shift.dtype))
