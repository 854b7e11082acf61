"""The published net: a two-dimensional VQGAN over a mel picture of one fixed window.

GroupNorm and attention hear the whole window, so the window never varies: a file is cut into windows, and neither its
length nor its neighbours in a batch nor the blocks it came in can change a token.

Source: SpecVQGAN (Iashin & Rahtu 2021), the taming-transformers autoencoder with one channel; 71.9 M parameters.
"""

from collections.abc import Iterator
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.core import ParameterError
from smalti.systems.melvqvae.config import ImageNetConfig

_EPSILON = 1e-6


class ImageNet(nn.Module):
    """A window of a mel picture to a grid of latents and back; a column of the grid is a token frame, a row a codebook.

    Attributes:
        stride: mel frames per token frame, and mel bands per row.
        rows: of the grid.
        latent: numbers per token frame, the rows one after another.
        quick: the window, which cannot be another.
        left, right, context: none; a window stands alone.
    """

    def __init__(self, config: ImageNetConfig, *, bands: int) -> None:
        """Build the layers.

        Raises:
            ParameterError: if the bands cannot be halved as often as there are levels above the first.
        """
        super().__init__()
        self.stride = 2 ** (len(config.multipliers) - 1)
        if bands % self.stride:
            raise ParameterError(f"{bands} bands are no multiple of {self.stride}; choose other bands or levels")
        self.window, self.rows = config.window, bands // self.stride
        self.quick, self.latent = self.window, self.rows * config.latent
        self.left = self.right = self.context = 0
        widths = [config.channels * multiplier for multiplier in config.multipliers]
        self.encoder = nn.Sequential(
            *_encoder_layers(widths, config.groups),
            _norm(widths[-1], config.groups),
            nn.SiLU(),
            nn.Conv2d(widths[-1], config.latent, 3, padding=1),
            nn.Conv2d(config.latent, config.latent, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(config.latent, config.latent, 1),
            nn.Conv2d(config.latent, widths[-1], 3, padding=1),
            *_decoder_layers(widths, config.groups),
            _norm(widths[0], config.groups),
            nn.SiLU(),
            nn.Conv2d(widths[0], 1, 3, padding=1),
        )

    @property
    def last_layer(self) -> Tensor:
        """Weight of the layer that draws the picture."""
        return cast(nn.Conv2d, self.decoder[-1]).weight

    def analyse(self, picture: Float[Tensor, "batch band frame"]) -> Float[Tensor, "batch dim token"]:
        """Latents of one window."""
        grid: Tensor = self.encoder(2 * picture[:, None] - 1)
        return grid.transpose(1, 2).flatten(1, 2)

    def synthesise(self, latents: Float[Tensor, "batch dim token"]) -> Float[Tensor, "batch band frame"]:
        """The picture (about 0…1) of one window."""
        grid = latents.unflatten(1, (self.rows, -1)).transpose(1, 2)
        return (self.decoder(grid)[:, 0] + 1) / 2


class _Residual(nn.Module):
    """x + convolution of convolution; a 1×1 layer where the channels change."""

    def __init__(self, width: int, to: int, groups: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _norm(width, groups),
            nn.SiLU(),
            nn.Conv2d(width, to, 3, padding=1),
            _norm(to, groups),
            nn.SiLU(),
            nn.Conv2d(to, to, 3, padding=1),
        )
        self.shortcut = nn.Identity() if width == to else nn.Conv2d(width, to, 1)

    def forward(self, grid: Float[Tensor, "batch dim row column"]) -> Float[Tensor, "batch to row column"]:
        return self.shortcut(grid) + self.branch(grid)


class _Attention(nn.Module):
    """One head over all cells of the grid."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm = _norm(width, groups)
        self.queries, self.keys, self.values, self.out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, grid: Float[Tensor, "batch dim row column"]) -> Float[Tensor, "batch dim row column"]:
        normed = self.norm(grid)
        queries, keys, values = (layer(normed).flatten(2).mT for layer in (self.queries, self.keys, self.values))
        heard = torch.nn.functional.scaled_dot_product_attention(queries, keys, values)
        return grid + self.out(heard.mT.unflatten(2, grid.shape[2:]))


class _Halve(nn.Module):
    """A strided convolution; the picture is padded at its right and its top, as published."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, grid: Float[Tensor, "batch dim row column"]) -> Float[Tensor, "batch dim half_rows half_columns"]:
        return self.convolution(nn.functional.pad(grid, (0, 1, 0, 1)))


def _encoder_layers(widths: list[int], groups: int) -> Iterator[nn.Module]:
    yield nn.Conv2d(1, widths[0], 3, padding=1)
    before = widths[0]
    for level, width in enumerate(widths):
        last = level == len(widths) - 1
        for _ in range(2):
            yield _Residual(before, width, groups)
            before = width
            if last:
                yield _Attention(width, groups)
        if not last:
            yield _Halve(width)
    yield from _middle(before, groups)


def _decoder_layers(widths: list[int], groups: int) -> Iterator[nn.Module]:
    before = widths[-1]
    yield from _middle(before, groups)
    for level, width in reversed(list(enumerate(widths))):
        for _ in range(3):
            yield _Residual(before, width, groups)
            before = width
            if level == len(widths) - 1:
                yield _Attention(width, groups)
        if level:
            yield nn.Upsample(scale_factor=2, mode="nearest")
            yield nn.Conv2d(width, width, 3, padding=1)


def _middle(width: int, groups: int) -> Iterator[nn.Module]:
    yield _Residual(width, width, groups)
    yield _Attention(width, groups)
    yield _Residual(width, width, groups)


def _norm(width: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, width, eps=_EPSILON)
