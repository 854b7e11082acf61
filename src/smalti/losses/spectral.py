"""Distances of log-mel pictures, counted only where there is sound to be judged.

A level of 0 stands for all that is softer, 1 for all that is louder: what goes beyond either end of the picture is
where it should be. A net that was pulled back to 0 from below would hover around it, and silence would hiss.
"""

from jaxtyping import Bool, Float
from torch import Tensor


def frames_l1(
    found: Float[Tensor, "batch dim frame"],
    wanted: Float[Tensor, "batch dim frame"],
    inside: Bool[Tensor, "batch frame"],
) -> Float[Tensor, ""]:
    """Mean absolute difference of frames of any numbers, over those inside; 0 if there are none."""
    return _mean((found - wanted).abs(), inside)


def picture_l1(
    found: Float[Tensor, "batch band frame"],
    wanted: Float[Tensor, "batch band frame"],
    inside: Bool[Tensor, "batch frame"],
) -> Float[Tensor, ""]:
    """Mean absolute difference of pictures over the frames inside; 0 if there are none.

    Its minimum is the median of all pictures that share a code, which is what a distance in decibels asks for.
    """
    return _mean(_away(found, wanted).abs(), inside)


def loud_l2(
    found: Float[Tensor, "batch band frame"],
    wanted: Float[Tensor, "batch band frame"],
    inside: Bool[Tensor, "batch frame"],
    *,
    loudness: float,
) -> Float[Tensor, ""]:
    """Mean squared difference over the frames inside, a cell of level 1 counting 1 + `loudness` times a silent one.

    A picture that is mostly silent has silence as its median: with absolute differences alone a codec loses rare short
    calls altogether. Squares ask for the mean, and loud cells for more of it.
    """
    return _mean((1 + loudness * wanted) * _away(found, wanted).square(), inside)


def _away(found: Tensor, wanted: Tensor) -> Tensor:
    """The difference, none where both lie at or beyond the same end of the picture."""
    beyond = ((wanted <= 0) & (found <= 0)) | ((wanted >= 1) & (found >= 1))
    return (found - wanted).masked_fill(beyond, 0.0)


def _mean(difference: Tensor, inside: Tensor) -> Tensor:
    chosen = inside[:, None].to(difference)
    return (difference * chosen).sum() / (chosen.sum() * difference.shape[1]).clamp(min=1)
