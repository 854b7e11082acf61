"""The prototype head: which of some learnt directions a latent points along, after a small network of its own."""

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from smalti.systems.matpac.pretraining import PrototypeConfig


class PrototypeHead(nn.Module):
    """Three linear maps, a unit vector, and its cosine with every prototype.

    Source: Caron et al. 2021 (arXiv:2104.14294), appendix C. Differs: without `gain` the scores are plain cosines;
    published heads multiply them by a number per prototype that begins at 1 and learns.
    """

    def __init__(self, config: PrototypeConfig, *, width: int) -> None:
        super().__init__()
        sizes = (width, config.hidden, config.hidden, config.bottleneck)
        layers = [nn.Linear(one, other) for one, other in pairwise(sizes)]
        self.mlp = nn.Sequential(layers[0], nn.GELU(), layers[1], nn.GELU(), layers[2])
        bound = 1 / math.sqrt(config.bottleneck)
        self.directions = nn.Parameter(torch.empty(config.prototypes, config.bottleneck).uniform_(-bound, bound))
        self.gain = nn.Parameter(torch.ones(config.prototypes)) if config.gain else None
        self.begin()

    def begin(self, *, deviation: float | None = None) -> None:
        """Let the linear maps begin anew: Xavier-uniform, or truncated normal of this deviation."""
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.zeros_(layer.bias)
                if deviation is None:
                    nn.init.xavier_uniform_(layer.weight)
                else:
                    nn.init.trunc_normal_(layer.weight, std=deviation)

    def forward(self, latents: Float[Tensor, "*rows dim"]) -> Float[Tensor, "*rows prototype"]:
        """Scores within ±1, or ±gain."""
        points = functional.normalize(self.mlp(latents).float(), dim=-1)
        scores = functional.linear(points, functional.normalize(self.directions, dim=-1)).float()
        return scores if self.gain is None else scores * self.gain
