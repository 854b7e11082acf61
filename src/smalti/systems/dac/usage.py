"""How often each code is chosen of late, which is all that is needed to find those that fell idle."""

import torch
from jaxtyping import Bool, Int64
from torch import Tensor, nn

from smalti.quantize import code_counts
from smalti.systems.dac.config import ModelConfig

_DECAY = 0.99


class CodeUsage(nn.Module):
    """Moving averages of counts; kept beside the net, whose weights are as published.

    Attributes:
        counts: of each code, per step of all processes; as if each had been chosen alike before.
    """

    counts: Tensor

    def __init__(self, config: ModelConfig, *, device: torch.device) -> None:
        super().__init__()
        self.register_buffer("counts", torch.ones(config.codebooks, config.vocab, device=device))

    def count(self, codes: Int64[Tensor, "batch codebook frame"]) -> None:
        """Take note of a step."""
        found = code_counts(codes.transpose(0, 1).flatten(1), self.counts.shape[1]).to(self.counts)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(found)
        self.counts.lerp_(found, 1 - _DECAY)

    def idle(self, below: float) -> Bool[Tensor, "codebook vocab"]:
        """Which codes are used less than this share of uniform usage."""
        return self.counts < below * self.counts.mean(dim=1, keepdim=True)

    def renew(self, codes: Bool[Tensor, "codebook vocab"]) -> None:
        """As if these had been used as much as the others, so that they have a fair chance."""
        uniform = self.counts.mean(dim=1, keepdim=True).expand_as(self.counts)
        self.counts.copy_(torch.where(codes, uniform, self.counts))
