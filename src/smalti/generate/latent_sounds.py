"""Sounds as a codec's latents: what lies between two of them, and one with the timbre of another.

Two sounds meet frame by frame from their beginnings; the shorter one is heard again from its beginning, as often as it
takes:

    first    a b c d e          half way   between(a, v)  between(b, w)  between(c, v)  between(d, w) …
    second   v w                           as many frames as its length asks for
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import Audio, Embedding, LatentCodec, ParameterError
from smalti.generate.latents import Way, between


@dataclass(frozen=True, slots=True, eq=False)
class LatentSound:
    """One sound.

    Attributes:
        frames: ceil(samples / hop) latents; or fewer, which are then repeated.
        samples: of sound.
    """

    frames: Float[Tensor, "frame latent"]
    samples: int

    def lasting(self, samples: int) -> "LatentSound":
        """The same sound cut or repeated to a length."""
        return LatentSound(self.frames, samples)

    def repeated(self, frames: int) -> Float[Tensor, "frames latent"]:
        """So many latents, from the first on, again and again."""
        return self.frames[torch.arange(frames, device=self.frames.device) % len(self.frames)]

    @property
    def mean(self) -> Float[Tensor, " latent"]:
        """Of its latents."""
        return self.frames.double().mean(0)


def latents_of(codec: LatentCodec, audio: Audio) -> LatentSound:
    """One recording.

    Raises:
        SpecError: if it is at another rate than the codec.
        ParameterError: if it is several, or has no samples.
    """
    if len(audio.lengths) != 1 or not int(audio.lengths[0]):
        raise ParameterError(f"found recordings of {audio.lengths.tolist()} samples, wanted one with sound in it")
    heard = codec.embed(audio)
    return LatentSound(heard.frames[0, : int(heard.lengths[0])], int(audio.lengths[0]))


def sound_of(codec: LatentCodec, sound: LatentSound, *, quantized: bool = True) -> Audio:
    """What latents sound like: by their nearest codes or, if not `quantized`, as they are."""
    frames = sound.repeated(-(-sound.samples // codec.hop))
    lengths = torch.tensor([sound.samples])
    return codec.decode_latents(Embedding(frames[None], torch.tensor([len(frames)])), lengths, quantized=quantized)


def centroid(sounds: Sequence[LatentSound], samples: int) -> LatentSound:
    """The mean of sounds' means as one that stands still; each sound counts alike, however long it is.

    Raises:
        ParameterError: if there are none.
    """
    if not sounds:
        raise ParameterError("found no sounds, wanted one at least to be the mean of")
    mean = torch.stack([sound.mean for sound in sounds]).mean(0)
    return LatentSound(mean[None].to(sounds[0].frames.dtype), samples)


def morphed(first: LatentSound, second: LatentSound, share: float, *, hop: int, way: Way = "linear") -> LatentSound:
    """The sound that is `share` (0…1) of the way from the first to the second, in its latents as in its length.

    Args:
        first, second: the ends, which it is at 0 and 1.
        share: of the way.
        hop: samples of a latent.
        way: of each latent.
    """
    samples = round((1 - share) * first.samples + share * second.samples)
    count = -(-samples // hop)
    return LatentSound(between(first.repeated(count), second.repeated(count), share, way=way), samples)


def gliding(sounds: Sequence[LatentSound], *, samples: int, hop: int, way: Way = "linear") -> LatentSound:
    """One sound that begins as the first and ends as the last, passing the others at even times.

    Args:
        sounds: two at least.
        samples: of the result.
        hop: samples of a latent.
        way: of each latent.
    Raises:
        ParameterError: if there are fewer than two.
    """
    if len(sounds) < 2:
        raise ParameterError(f"found {len(sounds)} sounds to glide between, wanted two at least; name another")
    count = -(-samples // hop)
    place = torch.linspace(0, len(sounds) - 1, count, dtype=torch.float64)
    leg = place.long().clamp(max=len(sounds) - 2)
    repeated = torch.stack([sound.repeated(count) for sound in sounds])
    rows = torch.arange(count)
    return LatentSound(between(repeated[leg, rows], repeated[leg + 1, rows], place - leg, way=way), samples)


def shifted(sound: LatentSound, mean: Float[Tensor, " latent"], share: float = 1.0) -> LatentSound:
    """The sound with all its latents moved alike, so that their mean is `share` (0…1) of the way to another.

    What changes from frame to frame stays; what all frames have in common, its timbre, becomes the other's.
    """
    moved = sound.frames.double() + share * (mean.double() - sound.mean)
    return LatentSound(moved.to(sound.frames.dtype), sound.samples)
