"""The trained part of the codec: pictures to latents, latents to codes, codes to pictures."""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from smalti.features import find_picture
from smalti.quantize import Quantized, build_quantizer
from smalti.systems.melvqvae.config import FramesNetConfig, GridNetConfig, ModelConfig
from smalti.systems.melvqvae.frames import FramesNet
from smalti.systems.melvqvae.grid import GridNet
from smalti.systems.melvqvae.image import ImageNet


class Rebuilt:
    """What a training pass gives, in full precision.

    A class of its own: Lightning Fabric hands that through as it is, where it would hook the tensors of a tuple and
    refuse the partial gradients that an adversary is weighed by.

    Attributes:
        picture: of the token frames that lie within the decoder's context.
        codes: of all token frames of the crop.
        commitment: of the latents to their code vectors.
        codebook: the same distance where code vectors learn by it, else 0.
    """

    def __init__(
        self,
        picture: Float[Tensor, "batch band frame"],
        codes: Int64[Tensor, "batch codebook token"],
        commitment: Float[Tensor, ""],
        codebook: Float[Tensor, ""],
    ) -> None:
        self.picture, self.codes, self.commitment, self.codebook = picture, codes, commitment, codebook


class MelAutoencoder(nn.Module):
    """A net with its quantiser, on pictures of one preset.

    Attributes:
        config: of the model.
        picture: the mel preset.
        net: pictures to latents and back.
        quantizer: latents to codes and back.
    """

    def __init__(self, config: ModelConfig) -> None:
        """Build the layers, unlearnt.

        Raises:
            ParameterError: if the picture is unknown, or net and picture or the quantiser's settings do not fit.
        """
        super().__init__()
        self.config = config
        self.picture = find_picture(config.picture)
        bands = self.picture.bands
        self.net: FramesNet | GridNet | ImageNet
        match config.net:
            case FramesNetConfig():
                self.net = FramesNet(config.net, bands=bands)
            case GridNetConfig():
                self.net = GridNet(config.net, bands=bands)
            case _:
                self.net = ImageNet(config.net, bands=bands)
        rows = self.net.rows
        self.quantizer = build_quantizer(config.quantizer, dim=self.net.latent // rows, rows=rows)

    @property
    def hop(self) -> int:
        """Samples per token frame."""
        return self.picture.hop * self.net.stride

    def forward(
        self,
        picture: Float[Tensor, "batch band frame"],
        inside: Bool[Tensor, "batch token"],
        *,
        quantize: bool,
        restart_below: float,
        noise: float = 0.0,
    ) -> Rebuilt:
        """Rebuild a crop, with straight-through gradients.

        Args:
            picture: `net.left + tokens · net.stride + net.right` mel frames.
            inside: which token frames belong to their clip; the others are zero vectors to the decoder, as they are
                when a clip is decoded.
            quantize: off in the first steps of a run, when the latents have not yet found their places.
            restart_below: see `smalti.quantize`.
            noise: deviation of Gaussian noise on the code vectors, in their own root mean square.
        """
        latents = self.net.analyse(picture).float()
        if quantize:
            found: Quantized = self.quantizer(latents, restart_below=restart_below)
        else:
            nothing = torch.zeros(len(latents), self.quantizer.codebooks, latents.shape[2], dtype=torch.int64)
            found = Quantized(latents, nothing.to(latents.device), latents.new_zeros(()))
        rebuilt = self.net.synthesise(_noisy(found.vectors, noise) * inside[:, None])
        codebook = found.loss.new_zeros(()) if found.codebook_loss is None else found.codebook_loss
        return Rebuilt(rebuilt.float(), found.codes, found.loss, codebook)


def _noisy(vectors: Tensor, noise: float) -> Tensor:
    if not noise:
        return vectors
    size = vectors.detach().square().mean().sqrt()
    return vectors + noise * size * torch.randn_like(vectors)
