"""The trained part of the codec: pictures to latents, latents to codes, codes to pictures."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from smalti.core import ParameterError, nearest
from smalti.features import MEL_PRESETS, MelSettings
from smalti.quantize import Quantized, ResidualVectorQuantizer, RowQuantizer
from smalti.systems.melvqvae.config import FramesNetConfig, ModelConfig
from smalti.systems.melvqvae.frames import FramesNet
from smalti.systems.melvqvae.image import ImageNet


class Rebuilt(NamedTuple):
    """What a training pass gives; a tuple, because that is what the engine can cast back to full precision.

    Attributes:
        picture: of the token frames that lie within the decoder's context.
        codes: of all token frames of the crop.
        commitment: of the latents to their code vectors.
    """

    picture: Float[Tensor, "batch band frame"]
    codes: Int64[Tensor, "batch codebook token"]
    commitment: Float[Tensor, ""]


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
            ParameterError: if the picture is unknown, or the image net has not one row per codebook.
        """
        super().__init__()
        self.config = config
        self.picture = _picture(config.picture)
        wanted = config.quantizer
        if isinstance(config.net, FramesNetConfig):
            self.net = FramesNet(config.net, bands=self.picture.bands)
            self.quantizer = ResidualVectorQuantizer(
                dim=config.net.latent, codebooks=wanted.codebooks, vocab=wanted.vocab, decay=wanted.decay
            )
        else:
            self.net = ImageNet(config.net, bands=self.picture.bands)
            if wanted.codebooks != self.net.rows:
                raise ParameterError(
                    f"{wanted.codebooks} codebooks for {self.net.rows} rows of the image net; "
                    f"set model.quantizer.codebooks={self.net.rows}"
                )
            self.quantizer = RowQuantizer(
                dim=config.net.latent, rows=self.net.rows, vocab=wanted.vocab, decay=wanted.decay
            )

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
    ) -> Rebuilt:
        """Rebuild a crop, with straight-through gradients.

        Args:
            picture: `net.left + tokens · net.stride + net.right` mel frames.
            inside: which token frames belong to their clip; the others are zero vectors to the decoder, as they are
                when a clip is decoded.
            quantize: off in the first steps of a run, when the latents have not yet found their places.
            restart_below: see `smalti.quantize`.
        """
        latents = self.net.analyse(picture).float()
        if quantize:
            found: Quantized = self.quantizer(latents, restart_below=restart_below)
        else:
            nothing = torch.zeros(len(latents), self.quantizer.codebooks, latents.shape[2], dtype=torch.int64)
            found = Quantized(latents, nothing.to(latents.device), latents.new_zeros(()))
        rebuilt = self.net.synthesise(found.vectors * inside[:, None])
        return Rebuilt(rebuilt.float(), found.codes, found.loss)


def _picture(name: str) -> MelSettings:
    if name not in MEL_PRESETS:
        raise ParameterError(f"mel preset {name!r} is unknown; {nearest(name, MEL_PRESETS)}")
    return MEL_PRESETS[name]
