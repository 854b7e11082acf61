"""The small net: one-dimensional valid convolutions over mel frames, four frames to a token frame."""

from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from smalti.nn.convolution import ReceptiveField, ResidualConvolution, Spread, Upsample, middle
from smalti.systems.melvqvae.config import FramesNetConfig

_KERNEL = 3
_DOWN = 4


class FramesNet(nn.Module):
    """Mel frames to latents and back.

    Attributes:
        stride: mel frames per token frame.
        rows: one, as a token stands for all bands.
        left, right: mel frames that `analyse` needs around its own.
        quick: token frames of the shortest window; pictures are the same whatever it is.
        context: token frames that `synthesise` needs at either side of its own.
        latent: numbers per token frame.
    """

    def __init__(self, config: FramesNetConfig, *, bands: int) -> None:
        super().__init__()
        width, fine, coarse = config.width, config.fine_blocks, config.coarse_blocks
        self.latent = config.latent
        self.window = config.window
        self.quick = 1
        self.rows = 1
        self.encoder = nn.Sequential(
            nn.Conv1d(bands, width, _DOWN, stride=2),
            *(ResidualConvolution(width, kernel=_KERNEL) for _ in range(fine)),
            nn.Conv1d(width, width, _DOWN, stride=2),
            *(ResidualConvolution(width, kernel=_KERNEL) for _ in range(coarse)),
            nn.SiLU(),
            nn.Conv1d(width, config.latent, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv1d(config.latent, width, _KERNEL),
            *(ResidualConvolution(width, kernel=_KERNEL) for _ in range(coarse)),
            Upsample(width, width, factor=2),
            *(ResidualConvolution(width, kernel=_KERNEL) for _ in range(fine)),
            nn.SiLU(),
            Upsample(width, bands, factor=2),
        )
        seen = ReceptiveField().then(kernel=_DOWN, stride=2)
        for _ in range(fine):
            seen = seen.then(kernel=_KERNEL)
        seen = seen.then(kernel=_DOWN, stride=2)
        for _ in range(coarse):
            seen = seen.then(kernel=_KERNEL)
        self.stride, self.left, self.right = seen.stride, seen.left, seen.right
        spread = Spread().then(kernel=_KERNEL)
        for _ in range(coarse):
            spread = spread.then(kernel=_KERNEL)
        spread = spread.then(up=2)
        for _ in range(fine):
            spread = spread.then(kernel=_KERNEL)
        spread = spread.then(up=2)
        self.context = spread.context

    @property
    def last_layer(self) -> Tensor:
        """Weight of the layer that draws the picture."""
        return cast(Upsample, self.decoder[-1]).pointwise.weight

    def analyse(self, picture: Float[Tensor, "batch band frame"]) -> Float[Tensor, "batch dim token"]:
        """Latents of the token frames whose mel frames lie `left` and `right` within the picture (0…1)."""
        return self.encoder(2 * picture - 1)

    def synthesise(self, latents: Float[Tensor, "batch dim token"]) -> Float[Tensor, "batch band frame"]:
        """The picture (about 0…1) of the token frames that lie `context` within the latents."""
        wanted = (latents.shape[2] - 2 * self.context) * self.stride
        return (middle(self.decoder(latents), wanted) + 1) / 2
