"""A small net that names what a picture shows, and whose layers say how alike two pictures are to the ear it learnt."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.core import ParameterError

_GROUPS = 8
_TINY = 1e-5


class PictureClassifier(nn.Module):
    """Strided convolutions, the mean over the picture, a score for each label.

    Args:
        labels: how many.
        widths: channels of the layers, multiples of 8.
    Raises:
        ParameterError: if a width is no such multiple.
    """

    def __init__(self, *, labels: int, widths: Sequence[int] = (16, 32, 64)) -> None:
        super().__init__()
        if any(width % _GROUPS for width in widths):
            raise ParameterError(f"widths {list(widths)} are not all multiples of {_GROUPS}; choose such")
        before = [1, *widths[:-1]]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(one, width, 4, stride=2, padding=1), nn.GroupNorm(_GROUPS, width), nn.SiLU())
            for one, width in zip(before, widths, strict=True)
        )
        self.head = nn.Linear(widths[-1], labels)

    def hear(self, pictures: Float[Tensor, "batch band frame"]) -> list[Tensor]:
        """What each layer hears in pictures of 0…1: [batch, channel, band, frame], ever coarser."""
        heard, features = 2 * pictures[:, None] - 1, []
        for layer in self.layers:
            heard = layer(heard)
            features.append(heard)
        return features

    def forward(self, pictures: Float[Tensor, "batch band frame"]) -> Float[Tensor, "batch label"]:
        """Logits of the labels."""
        return self.head(self.hear(pictures)[-1].mean(dim=(2, 3)))

    def distance(
        self, made: Float[Tensor, "batch band frame"], real: Float[Tensor, "batch band frame"]
    ) -> Float[Tensor, ""]:
        """Mean squared difference of the directions that the layers hear at each place, over layers; no gradient to the
        real side.

        Source: Zhang et al. 2018 (LPIPS), eq. 1. Differs: all channels weigh alike.
        """
        with torch.no_grad():
            wanted = [_directions(heard) for heard in self.hear(real)]
        found = [_directions(heard) for heard in self.hear(made)]
        pairs = zip(found, wanted, strict=True)
        return torch.stack([(a - b).square().sum(dim=1).mean() for a, b in pairs]).mean()


def _directions(heard: Tensor) -> Tensor:
    return heard / (heard.square().sum(dim=1, keepdim=True) + _TINY).sqrt()
