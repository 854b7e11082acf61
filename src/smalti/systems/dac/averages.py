"""How often each code is chosen of late, and by what: enough to find idle codes, and to let codes follow the latents.

By gradient a code moves by about the learning rate a step, whatever the latents do: in a short run they leave it.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.quantize import code_counts
from smalti.quantize.projected import ProjectedResidualQuantizer
from smalti.quantize.vector import spare_latents
from smalti.systems.dac.config import ModelConfig

_DECAY = 0.97
_LEAST = 1e-3  # of an average count, below which a code stays where it is


class CodeAverages(nn.Module):
    """Moving averages, kept beside the net, whose weights are as published.

    Attributes:
        counts: how often each code is chosen, per step of all processes.
        sums: of what chose it, in its own few dimensions.
    """

    counts: Tensor
    sums: Tensor

    def __init__(self, config: ModelConfig, *, device: torch.device) -> None:
        super().__init__()
        self.register_buffer("counts", torch.ones(config.codebooks, config.vocab, device=device))
        self.register_buffer("sums", torch.zeros(config.codebooks, config.vocab, config.code_dim, device=device))

    @torch.no_grad()
    def begin(self, quantizer: ProjectedResidualQuantizer) -> None:
        """As if each code had been chosen once a step, by what it is."""
        self.counts.fill_(1)
        self.sums.copy_(torch.stack([book.detach() for book in quantizer.books]))

    @torch.no_grad()
    def learn(
        self,
        quantizer: ProjectedResidualQuantizer,
        latents: Float[Tensor, "batch dim frame"],
        *,
        follow: bool,
        restart_below: float,
    ) -> None:
        """Take note of a step.

        Args:
            quantizer: whose codes they are.
            latents: of the step.
            follow: whether codes become the means of what chose them.
            restart_below: share of uniform usage under which a code begins anew, at random among what it
                could have stood for.
        """
        for place, (book, points, codes) in enumerate(quantizer.looks(latents)):
            counts = code_counts(codes[None], len(book))[0].to(points)
            sums = torch.zeros_like(book).index_add_(0, codes, points)
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                torch.distributed.all_reduce(counts)
                torch.distributed.all_reduce(sums)
            self.counts[place].lerp_(counts, 1 - _DECAY)
            self.sums[place].lerp_(sums, 1 - _DECAY)
            uniform = self.counts[place].mean()
            idle = self.counts[place] < restart_below * uniform
            if bool(idle.any()):
                spare = spare_latents(points, int(idle.sum()))
                self.counts[place, idle], self.sums[place, idle], book[idle] = uniform, spare * uniform, spare
            known = self.counts[place] > _LEAST
            if follow:
                book[known] = self.sums[place, known] / self.counts[place, known, None]
