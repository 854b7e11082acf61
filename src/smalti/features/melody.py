"""A melody as it is remembered: the line of its pitch, in no key.

Frames say which pitch is sung, blurred over neighbouring ones, on a grid of half semitones. Where nothing is sung the
last pitch goes on, more faintly. Measured from the clip's own mean pitch, the same melody in another key is the same
frames. A clip of one note has no melody, and is measured from a fixed pitch instead: it says which note it is.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from smalti.core import Audio
from smalti.features.pitch import PitchSettings, pitch_salience, pitch_track

PITCH = PitchSettings(hop=640)
"""Every 40 ms, a quarter of a semitone fine."""
_STEPS = 2  # bins to a semitone
_BINS = (PITCH.high - PITCH.low) * _STEPS + 1
_BLUR = 0.4  # deviation, semitones
_HELD = 0.2  # strength of a pitch that goes on
_SMOOTH = 3  # frames whose median is taken: 120 ms, shorter than a note
_REACH = 20  # semitones above and below the reference
_FIXED = 48.0  # MIDI number that a single note is measured from
_NEAR, _SHARE = 1, 0.6  # a clip is one note if such a share of it lies within so many semitones

MELODY_BINS = _BINS
"""Pitches of `melody_frames`."""
RELATIVE_BINS = 2 * _REACH * _STEPS + 1
"""Pitches of `relative_frames`."""


def melody_frames(samples: Float[Tensor, " sample"]) -> Float[Tensor, "frame pitch"]:
    """How strongly each pitch is sung in every 40 ms begun, 0…1; all 0 if nothing is.

    Args:
        samples: at 16 kHz.
    """
    audio = Audio.single(samples, PITCH.sample_rate)
    line = pitch_track(pitch_salience(audio, PITCH), audio, PITCH)[0]
    sung = ~line.isnan()
    if not sung.any():
        return samples.new_zeros(len(line), _BINS)
    pitches = PITCH.low + torch.arange(_BINS, device=samples.device) / _STEPS
    spread = torch.exp(-0.5 * ((_held(line, sung)[:, None] - pitches) / _BLUR).square())
    return spread * torch.where(sung, 1.0, _HELD)[:, None]


def relative_frames(
    frames: Float[Tensor, "batch frame pitch"], lengths: Int64[Tensor, " batch"], *, reference: str = "auto"
) -> Float[Tensor, "batch frame relative"]:
    """The same frames from 20 semitones below to 20 above what they are measured from; zeros behind each clip.

    Args:
        frames: of `melody_frames`.
        lengths: frames of each clip.
        reference: "clip", its mean pitch; "none", the fixed pitch; "auto", the fixed one for clips of a single note.
    """
    inside = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
    sung = torch.where(inside[..., None], frames, 0)
    weight = sung.sum(dim=1).double()
    share = weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-9)
    origin = (share * torch.arange(_BINS, device=frames.device)).sum(dim=1)
    fixed = torch.full_like(origin, (_FIXED - PITCH.low) * _STEPS)
    if reference != "clip":
        origin = torch.where(_single(share) | (reference == "none"), fixed, origin)
    return _shifted(sung, origin)


def _held(line: Float[Tensor, " frame"], sung: Bool[Tensor, " frame"]) -> Float[Tensor, " frame"]:
    """The line without leaps that are shorter than a note; gaps go on with what was sung before, the first with what
    comes."""
    half = _SMOOTH // 2
    padded = torch.nn.functional.pad(line[sung][None, None], (half, half), mode="replicate")[0, 0]
    smooth = padded.unfold(0, _SMOOTH, 1).median(dim=1).values
    return smooth[(sung.cumsum(0) - 1).clamp(min=0)]


def _single(share: Tensor) -> Bool[Tensor, " batch"]:
    """Which clips stay near one pitch."""
    width = 2 * _NEAR * _STEPS + 1
    near = torch.nn.functional.avg_pool1d(share[:, None], width, stride=1) * width
    return near.amax(dim=(1, 2)) >= _SHARE


def _shifted(frames: Float[Tensor, "batch frame pitch"], origin: Float[Tensor, " batch"]) -> Tensor:
    """Each clip's pitches, read between bins, with its origin in the middle; outside the grid there is nothing."""
    reach = _REACH * _STEPS
    padded = torch.nn.functional.pad(frames, (reach + 1, reach + 1))
    first = origin.floor()
    place = first.long()[:, None] + 1 + torch.arange(RELATIVE_BINS + 1, device=frames.device)
    read = padded.gather(2, place[:, None].expand(-1, frames.shape[1], -1))
    between = (origin - first)[:, None, None].to(frames.dtype)
    return torch.lerp(read[..., :-1], read[..., 1:], between)
