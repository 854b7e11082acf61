"""Choosing the next codes: how far to trust the model's guesses, and dice that belong to each row alone.

A row is the same alone and in any batch, although a product of larger matrices may differ in its last bit: the dice are
thrown per row in float64 and never look at the logits, so a difference of 1e-6 only matters in a tie that close.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import ParameterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """How a model that fills gaps goes about it.

    Attributes:
        passes: calls of the model for each window; with guidance each of a batch twice as large.
        noise: of the order in which codes are kept, in nats, at the first pass; 0 always keeps the likeliest.
        overlap: share of a window that is already known, for sounds longer than one window.
    """

    passes: int = 16
    noise: float = 4.5
    overlap: float = 0.5

    def __post_init__(self) -> None:
        if not (self.passes >= 1 and 0 <= self.noise < math.inf and 0 < self.overlap < 1):
            raise ParameterError(f"{self} cannot be done; give a pass or more, noise from 0, overlap between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How codes are chosen from logits; the filters apply in the order of the fields.

    Attributes:
        temperature: logits are divided by it; 0 always takes the most likely code.
        top_k: only the k most likely codes; 0 for all.
        top_p: only the most likely codes that together reach this probability. Textures obey their parameters
            best around 0.9: rare codes lead away, and at 0.75 sparse sounds fall silent.
        min_p: only codes at least this share as likely as the likeliest.
        guidance: how strongly logits are pushed away from those of a model told nothing; 1 is plain sampling at plain
            cost, any other value costs one batch more (`smalti.generate.guidance`).
        field_guidance: the same for fields on their own, each against a model told all but it: pairs of `label`,
            `parameters` or a parameter's name, and a strength.
        filling: how gaps are filled, by a model that does that.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.9
    min_p: float = 0.0
    guidance: float = 1.0
    field_guidance: tuple[tuple[str, float], ...] = ()
    filling: Filling = Filling()

    def __post_init__(self) -> None:
        bounds = {
            "temperature": (0, 100),
            "top_k": (0, math.inf),
            "top_p": (0, 1),
            "min_p": (0, 1),
            "guidance": (0, 100),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ParameterError(f"{name} is {value}; choose a value in {low}…{high}")
        fields = [field for field, _ in self.field_guidance]
        for field, strength in self.field_guidance:
            if not 0 <= strength <= 100 or fields.count(field) > 1:
                raise ParameterError(f"guidance is {self.field_guidance}; give each field once, a value in 0…100")


def choose(
    logits: Float[Tensor, "batch codebook vocab"], sampling: Sampling, generators: Sequence[torch.Generator]
) -> Int64[Tensor, "batch codebook"]:
    """One code per codebook, each row with its own generator.

    Source: the exponential race, argmax p / e with e = -log u ~ Exp(1), draws from p (arXiv:1611.01144 writes it with
    logs); here without the minus.
    """
    if sampling.temperature == 0:
        return logits.argmax(-1)
    warm = logits.detach().float().cpu()
    warm = warm if sampling.temperature == 1 else warm / sampling.temperature
    chances = _filtered(warm.softmax(-1), sampling)
    dice = torch.empty(chances.shape, dtype=torch.float64)
    for row, generator in zip(dice, generators, strict=True):
        row.uniform_(generator=generator)
    # numpy finds the least of a line with vector instructions, ten times as fast as torch
    return torch.from_numpy(torch.div(chances, dice.log_(), out=dice).numpy().argmin(-1))


def _filtered(chances: Tensor, sampling: Sampling) -> Tensor:
    """Zero for codes that may not be chosen; what is left need not sum to one."""
    if not (0 < sampling.top_k < chances.shape[-1] or sampling.top_p < 1 or sampling.min_p > 0):
        return chances
    # numpy sorts numbers alone with vector instructions: for 4 x 1024 chances seven times as fast as torch
    rising = torch.from_numpy(np.sort(chances.numpy(), axis=-1))
    likeliest = rising[..., -1:]
    if sampling.top_k > 0:
        rising = rising[..., -sampling.top_k :]
    least = rising[..., :1]
    if sampling.top_p < 1:
        reached = rising.cumsum(-1)
        first = torch.searchsorted(reached, (1 - sampling.top_p) * reached[..., -1:], right=True)
        least = rising.gather(-1, first.clamp(max=reached.shape[-1] - 1))  # the likeliest stays, even at top_p 0
    if sampling.min_p > 0:
        least = torch.maximum(least, sampling.min_p * likeliest)
    kept = chances.numpy() >= least.numpy()
    return torch.from_numpy(chances.numpy() * kept)  # filling through a mask takes five times as long
