"""All that learns in a step, in one module: the codec's net, and the nets that are thrown away behind it.

What a stage holds still:

    whole        nothing
    autoencoder  encoder, codes, decoder, and what the back hears of the decoder beside its guess
    codec        front
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from smalti.core import ParameterError
from smalti.systems.almtokenizer.config import ALMTokenizerConfig, LambdasConfig, Stage
from smalti.systems.almtokenizer.depth import DepthGPT
from smalti.systems.almtokenizer.mae import MaskedFrames
from smalti.systems.almtokenizer.net import QueryNet, Rebuilt
from smalti.systems.almtokenizer.prior import prior_centres

BESIDE = "back.from_hidden."
"""What a back hears of the decoder beside its guess, where it does: another decoder's has another meaning."""


class Learnt(NamedTuple):
    """What a training pass gives; a tuple, which engines can cast.

    Attributes:
        rebuilt: by the codec.
        aside: losses of the nets beside it, by name, unweighted.
    """

    rebuilt: Rebuilt
    aside: dict[str, Float[Tensor, ""]]


class LearningNet(nn.Module):
    """The codec's net, and what learns beside it where its loss counts.

    Attributes:
        codec: the net that is kept.
        mae: guesses hidden frames; None if nobody weighs it.
        depth: guesses later codebooks; None if nobody weighs it.
    """

    def __init__(self, config: ALMTokenizerConfig) -> None:
        """Lay everything out and hold still what the stage does not teach.

        Raises:
            ParameterError: if the settings do not fit each other.
            StoreError: if they name a prior that cannot be read.
        """
        super().__init__()
        stage, lambdas, codes = config.train.stage, config.train.lambdas, config.model.codes
        self._stage: Stage = stage
        self.codec = QueryNet(config.model, centres=prior_centres(codes))
        _refuse_idle(stage, lambdas, self.codec)
        self.mae = MaskedFrames(config.mae, dim=self.codec.front.dim) if lambdas.mae else None
        self.depth = (
            DepthGPT(config.depth, dim=codes.dim, codebooks=codes.codebooks) if lambdas.autoregressive else None
        )
        for name, weight in self.codec.named_parameters():
            weight.requires_grad_(not _still(name, stage))

    def forward(
        self,
        samples: Float[Tensor, "batch sample"],
        window: int,
        *,
        hidden: Bool[Tensor, "batch frame"] | None = None,
        inside: Bool[Tensor, "batch frame"] | None = None,
        depth: int | None = None,
        quantize: bool = True,
        audible: bool = True,
        restart_below: float = 0.0,
    ) -> Learnt:
        """The whole way of the stage; arguments as of `QueryNet.forward`, and of `MaskedFrames` where it learns."""
        if self._stage == "autoencoder":
            rebuilt = self.codec.rebuild(samples)
        else:
            rebuilt = self.codec(
                samples, window, depth=depth, quantize=quantize, audible=audible, restart_below=restart_below
            )
        aside: dict[str, Tensor] = {}
        if self.mae is not None and hidden is not None and inside is not None:
            aside["mae"] = self.mae(rebuilt.wanted, hidden, inside)
        if self.depth is not None and rebuilt.parts is not None and len(rebuilt.parts) > 1:
            aside["autoregressive"] = self.depth(rebuilt.parts)
        return Learnt(rebuilt._replace(commitment=rebuilt.commitment + self._nothing()), aside)

    def train(self, mode: bool = True) -> "LearningNet":
        """As of any module, but what is held still is not in training."""
        super().train(mode)
        if self._stage == "codec":
            self.codec.get_submodule("front").eval()
        return self

    def learning(self) -> Iterable[nn.Parameter]:
        """What an optimiser steps."""
        return (weight for weight in self.parameters() if weight.requires_grad)

    def _nothing(self) -> Tensor | float:
        """With several processes every weight is asked in every step, as they wait for each other's gradients."""
        if not (self.training and torch.distributed.is_available() and torch.distributed.is_initialized()):
            return 0.0
        return 0.0 * torch.stack([weight.sum() for weight in self.learning()]).sum()


def _still(name: str, stage: Stage) -> bool:
    if stage == "autoencoder":
        return not name.startswith(("front.", "back.")) or name.startswith(BESIDE)
    return stage == "codec" and name.startswith("front.")


def _refuse_idle(stage: Stage, lambdas: LambdasConfig, codec: QueryNet) -> None:
    """Nets whose errors would reach nothing that is kept."""
    if lambdas.mae and (stage == "codec" or not any(True for _ in codec.get_submodule("front").parameters())):
        found = "a front that is held still" if stage == "codec" else "a front that has nothing to learn"
        raise ParameterError(f"found train.lambdas.mae={lambdas.mae:g} for {found}; set it to 0")
    if lambdas.autoregressive and (stage == "autoencoder" or codec.config.codes.codebooks < 2):
        found = "a stage without codes" if stage == "autoencoder" else "one codebook"
        raise ParameterError(f"found train.lambdas.autoregressive={lambdas.autoregressive:g} for {found}; set it to 0")
