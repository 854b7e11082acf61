"""What a codec's recipe finds on recordings that training never saw: numbers, and how often each code was chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Int64
from torch import Tensor

from smalti.quantize import code_counts, codebook_usage, perplexity


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """What an evaluation found.

    Attributes:
        metrics: losses, distances in dB, and how many codes are in use.
        hits: how often each code was chosen.
    """

    metrics: Mapping[str, float]
    hits: Int64[Tensor, "codebook code"]

    @classmethod
    def of(
        cls, found: Mapping[str, Sequence[float]], codes: Int64[Tensor, "codebook frame"], vocab: int
    ) -> "HeldOutScores":
        """Means over recordings, with `usage_i` and `perplexity_i` of codebook i over the frames of all together."""
        metrics = {name: sum(values) / len(values) for name, values in found.items()}
        metrics |= {f"usage_{i}": float(value) for i, value in enumerate(codebook_usage(codes, vocab))}
        metrics |= {f"perplexity_{i}": float(value) for i, value in enumerate(perplexity(codes, vocab))}
        return cls(metrics, code_counts(codes, vocab))
