"""The small net that keeps frequency rows: two-dimensional convolutions, valid in time, on a grid of five rows.

Along frequency a picture ends for all clips at the same band, so zeros stand beyond it; along time nothing is padded
and nothing is normalised over the clip, so that batch, length and blocks cannot change a token.
"""

from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from smalti.core import ParameterError
from smalti.nn.convolution import ReceptiveField, Spread, middle
from smalti.systems.melvqvae.config import GridNetConfig

_KERNEL = 3
_PATCH, _HALVE = 4, 2


class GridNet(nn.Module):
    """A mel picture to a grid of latents and back; a column of the grid is a token frame, a row a codebook.

    Attributes:
        stride: mel frames per token frame, and mel bands per row.
        rows: of the grid.
        latent: numbers per token frame, the rows one after another.
        left, right: mel frames that `analyse` needs around its own.
        quick: token frames of the shortest window; pictures are the same whatever it is.
        context: token frames that `synthesise` needs at either side of its own.
    """

    def __init__(self, config: GridNetConfig, *, bands: int) -> None:
        """Build the layers.

        Raises:
            ParameterError: if the levels have not each their blocks, or the bands do not fall into whole rows.
        """
        super().__init__()
        widths, levels = config.widths, len(config.widths)
        self.stride = _PATCH * _HALVE ** (levels - 1)
        if bands % self.stride:
            raise ParameterError(f"{bands} bands are no multiple of {self.stride}; choose other bands or levels")
        for blocks in (config.encoder_blocks, config.decoder_blocks):
            if len(blocks) != levels:
                raise ParameterError(f"{len(blocks)} numbers of blocks for {levels} levels; give one for each width")
        self.window, self.rows = config.window, bands // self.stride
        self.quick = 1
        self.latent = self.rows * config.latent
        self.encoder = nn.Sequential(
            nn.Conv2d(1, widths[0], _PATCH, stride=_PATCH),
            *(_GridBlock(widths[0]) for _ in range(config.encoder_blocks[0])),
            *(layer for level in range(1, levels) for layer in _down(widths, level, config.encoder_blocks[level])),
            *([_RowMix(widths[-1], self.rows, config.mix)] if config.mix else []),
            nn.SiLU(),
            nn.Conv2d(widths[-1], config.latent, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(config.latent, widths[-1], _KERNEL, padding=(_KERNEL // 2, 0)),
            *([_RowMix(widths[-1], self.rows, config.mix)] if config.mix else []),
            *(layer for level in reversed(range(1, levels)) for layer in _up(widths, level, config.decoder_blocks)),
            *(_GridBlock(widths[0]) for _ in range(config.decoder_blocks[0])),
            nn.SiLU(),
            _Enlarge(widths[0], 1, factor=_PATCH),
        )
        seen = _field(config.encoder_blocks)
        self.left, self.right = seen.left, seen.right
        self.context = _spread(config.decoder_blocks).context

    @property
    def last_layer(self) -> Tensor:
        """Weight of the layer that draws the picture."""
        return cast(_Enlarge, self.decoder[-1]).pointwise.weight

    def analyse(self, picture: Float[Tensor, "batch band frame"]) -> Float[Tensor, "batch dim token"]:
        """Latents of the token frames whose mel frames lie `left` and `right` within the picture (0…1)."""
        grid: Tensor = self.encoder(2 * picture[:, None] - 1)
        return grid.transpose(1, 2).flatten(1, 2)

    def synthesise(self, latents: Float[Tensor, "batch dim token"]) -> Float[Tensor, "batch band frame"]:
        """The picture (about 0…1) of the token frames that lie `context` within the latents."""
        wanted = (latents.shape[2] - 2 * self.context) * self.stride
        grid = latents.unflatten(1, (self.rows, -1)).transpose(1, 2)
        return (middle(self.decoder(grid)[:, 0], wanted) + 1) / 2


class _GridBlock(nn.Module):
    """x cropped + pointwise(act(convolution(act(x)))); two columns shorter, as many rows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width, width, _KERNEL, padding=(_KERNEL // 2, 0))
        self.pointwise = nn.Conv2d(width, width, 1)
        self.act = nn.SiLU()

    def forward(self, grid: Float[Tensor, "batch dim row column"]) -> Float[Tensor, "batch dim row shorter"]:
        branch = self.pointwise(self.act(self.convolution(self.act(grid))))
        edge = _KERNEL // 2
        return grid[..., edge:-edge] + branch


class _RowMix(nn.Module):
    """x + pointwise(act(pointwise(act(x)))) over all rows of a column together, through few channels."""

    def __init__(self, width: int, rows: int, mix: int) -> None:
        super().__init__()
        self.gather = nn.Conv2d(width, mix, (rows, 1))
        self.scatter = nn.Conv2d(mix, width * rows, 1)
        self.act = nn.SiLU()

    def forward(self, grid: Float[Tensor, "batch dim row column"]) -> Float[Tensor, "batch dim row column"]:
        told = self.scatter(self.act(self.gather(self.act(grid))))
        return grid + told[:, :, 0].unflatten(1, (-1, grid.shape[2]))


class _Enlarge(nn.Module):
    """`factor` rows and columns from each, by a pointwise layer."""

    def __init__(self, width: int, to: int, *, factor: int) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(width, to * factor**2, 1)
        self.shuffle = nn.PixelShuffle(factor)

    def forward(self, grid: Float[Tensor, "batch dim row column"]) -> Float[Tensor, "batch to rows columns"]:
        return self.shuffle(self.pointwise(grid))


def _down(widths: tuple[int, ...], level: int, blocks: int) -> list[nn.Module]:
    halved = nn.Conv2d(widths[level - 1], widths[level], _HALVE, stride=_HALVE)
    return [halved, *(_GridBlock(widths[level]) for _ in range(blocks))]


def _up(widths: tuple[int, ...], level: int, blocks: tuple[int, ...]) -> list[nn.Module]:
    enlarged = _Enlarge(widths[level], widths[level - 1], factor=_HALVE)
    return [*(_GridBlock(widths[level]) for _ in range(blocks[level])), enlarged]


def _field(blocks: tuple[int, ...]) -> ReceptiveField:
    """Mel frames that one token frame sees."""
    seen = ReceptiveField().then(kernel=_PATCH, stride=_PATCH)
    for level, count in enumerate(blocks):
        if level:
            seen = seen.then(kernel=_HALVE, stride=_HALVE)
        for _ in range(count):
            seen = seen.then(kernel=_KERNEL)
    return seen


def _spread(blocks: tuple[int, ...]) -> Spread:
    """How the decoder lengthens token frames to mel frames."""
    spread = Spread().then(kernel=_KERNEL)
    for level in reversed(range(len(blocks))):
        for _ in range(blocks[level]):
            spread = spread.then(kernel=_KERNEL)
        spread = spread.then(up=_HALVE if level else _PATCH)
    return spread
