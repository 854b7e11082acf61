"""More sounds than there are: pictures made louder, moved in pitch, of two sounds at once, or of none."""

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.features import MelSettings
from smalti.systems.melvqvae.config import VaryConfig


def vary(
    pictures: Float[Tensor, "batch band frame"],
    config: VaryConfig,
    picture: MelSettings,
    *,
    generator: torch.Generator,
) -> Float[Tensor, "batch band frame"]:
    """Each picture varied at random as the settings say; with none of them the pictures themselves.

    Args:
        pictures: log-mel of 0…1; what is at the floor is silence, and stays so.
        config: how much.
        picture: what levels mean.
        generator: source of the random choices.
    """
    if config.together:
        pictures = _together(pictures, config.together, picture, generator)
    if config.shift_bands:
        pictures = _moved(pictures, config.shift_bands, generator)
    if config.gain_db:
        gains = (2 * torch.rand(len(pictures), 1, 1, generator=generator) - 1) * config.gain_db / picture.range_db
        pictures = torch.where(pictures > 0, (pictures + gains).clamp(0, 1), 0)
    if config.silent:
        pictures = pictures * (torch.rand(len(pictures), 1, 1, generator=generator) >= config.silent)
    return pictures


def _together(pictures: Tensor, share: float, picture: MelSettings, generator: torch.Generator) -> Tensor:
    """Some pictures with the power of the next one of the batch added, as unrelated sounds add."""
    nepers = picture.range_db / 10 * torch.log(torch.tensor(10.0))
    both = torch.logaddexp(pictures * nepers, pictures.roll(1, 0) * nepers) / nepers
    alone = torch.minimum(pictures, pictures.roll(1, 0)) == 0  # where one is silent the other is heard as it is
    both = torch.where(alone, torch.maximum(pictures, pictures.roll(1, 0)), both.clamp(0, 1))
    chosen = torch.rand(len(pictures), 1, 1, generator=generator) < share
    return torch.where(chosen, both, pictures)


def _moved(pictures: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Pictures moved by whole bands; at the edge that it leaves a picture's last band goes on."""
    bands = pictures.shape[1]
    steps = torch.randint(-most, most + 1, (len(pictures), 1), generator=generator)
    places = (torch.arange(bands)[None] - steps).clamp(0, bands - 1)
    return pictures.gather(1, places[:, :, None].expand_as(pictures))
