"""What learns in a step, in one module: crops of sound through codes and back."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.nn.weight_norm import norm_weights
from smalti.systems.dac.config import ModelConfig
from smalti.systems.dac.net import DACNet, ResidualUnit

_SMALL = 0.02
_OVERLAP = 2  # input steps that an output step of a lengthening layer hears
_ADDED = 0.3  # what a residual unit adds at first
_TOLD = 0.1  # how far levels are at first from their mean


class Rebuilt(NamedTuple):
    """What a training pass gives; a tuple, which engines can cast.

    Attributes:
        sound: as long as what came in, less what odd strides lose.
        latents: what the encoder found, without gradient.
        codes: of every codebook; None while nothing is quantised.
        commitment, codebook: squared distances, summed over codebooks; 0 while nothing is quantised.
    """

    sound: Float[Tensor, "batch sample"]
    latents: Float[Tensor, "batch latent frame"]
    codes: Int64[Tensor, "batch codebook frame"] | None
    commitment: Float[Tensor, ""]
    codebook: Float[Tensor, ""]


class LearningNet(nn.Module):
    """The codec's net; as published its weights are normed.

    Attributes:
        codec: the net that is kept, once its weights are folded.
    """

    def __init__(self, config: ModelConfig, *, normed: bool = True) -> None:
        super().__init__()
        self.codec = DACNet(config)
        if normed:
            begin_as_published(self.codec)
            norm_weights(self.codec)
        else:
            begin_evenly(self.codec)

    def forward(
        self,
        samples: Float[Tensor, "batch sample"],
        *,
        depths: Int64[Tensor, " batch"],
        quantize: bool = True,
    ) -> Rebuilt:
        """The whole way.

        Args:
            samples: a multiple of the hop long.
            depths: of each item, how many codebooks take part.
            quantize: whether any does; otherwise latents go to the decoder as they are.
        """
        latents = self.codec.encoder(samples).float()
        if not quantize:
            nothing = latents.new_zeros(()) + self._nothing()
            return Rebuilt(self.codec.decoder(latents), latents.detach(), None, nothing, nothing)
        found = self.codec.quantizer(latents, depths=depths)
        sound = self.codec.decoder(found.vectors)
        return Rebuilt(sound, latents.detach(), found.codes, found.loss, found.codebook_loss)

    def matrices(self) -> list[nn.Parameter]:
        """Weights of all layers that learn, but those around the codes."""
        layers = (layer for part in (self.codec.encoder, self.codec.decoder) for layer in part.modules())
        found = (layer.weight for layer in layers if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d))
        return [weight for weight in found if isinstance(weight, nn.Parameter) and weight.requires_grad]

    def learnt(self) -> list[nn.Parameter]:
        """All that learns."""
        return [weight for weight in self.parameters() if weight.requires_grad]

    def _nothing(self) -> Tensor | float:
        """With several processes every weight is asked in every step, as they wait for each other's gradients."""
        if not (self.training and torch.distributed.is_available() and torch.distributed.is_initialized()):
            return 0.0
        return 0.0 * torch.stack([weight.sum() for weight in self.learnt()]).sum()


@torch.no_grad()
def begin_as_published(net: DACNet) -> None:
    """Small weights and no bias; what lengthens steps and what quantises stays as torch has it."""
    for part in (net.encoder, net.decoder):
        for layer in part.modules():
            if isinstance(layer, nn.Conv1d) and layer.weight.requires_grad:
                nn.init.trunc_normal_(layer.weight, std=_SMALL)
                _silence(layer)


@torch.no_grad()
def begin_evenly(net: DACNet) -> None:
    """Weights by which every layer is about as loud as the one before it, so that a short run need not learn that."""
    for part in (net.encoder, net.decoder):
        for layer in part.modules():
            if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d) and layer.weight.requires_grad:
                lengthens = isinstance(layer, nn.ConvTranspose1d)
                heard = layer.in_channels * (_OVERLAP if lengthens else layer.kernel_size[0])
                nn.init.normal_(layer.weight, std=heard**-0.5)
                _silence(layer)
    for unit in net.modules():
        if isinstance(unit, ResidualUnit):
            _scale(unit.layers[-1], _ADDED)
    _scale(net.decoder.last[1], _TOLD)


def _silence(layer: nn.Conv1d | nn.ConvTranspose1d) -> None:
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)


def _scale(layer: nn.Module, factor: float) -> None:
    assert isinstance(layer, nn.Conv1d)
    layer.weight.mul_(factor)
