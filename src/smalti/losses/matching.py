"""Prototype matching: the mean vector of all frames with a token is to be told from the vectors of other tokens."""

from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional


class Likeness(nn.Module):
    """How like prototypes are to code vectors: by their angle, or by learnt weights of their differences."""

    def __init__(self, dim: int, kind: Literal["cosine", "learnt"]) -> None:
        super().__init__()
        self.weights = nn.Linear(dim, 1) if kind == "learnt" else None

    def forward(
        self, prototypes: Float[Tensor, "prototype dim"], codebook: Float[Tensor, "vocab dim"]
    ) -> Float[Tensor, "prototype vocab"]:
        """Higher is more alike: cos(p, e), or sigmoid(w·(p - e) + b), as the paper has it."""
        if self.weights is None:
            return functional.normalize(prototypes, dim=1) @ functional.normalize(codebook, dim=1).T
        return self.weights(prototypes[:, None] - codebook[None]).sigmoid()[..., 0]


def prototypes(
    vectors: Float[Tensor, "frame dim"], codes: Int64[Tensor, " frame"]
) -> tuple[Float[Tensor, "prototype dim"], Int64[Tensor, " prototype"]]:
    """The mean direction of all frames of each token in use, of length one, and which token it is."""
    used, place = codes.unique(return_inverse=True)
    sums = torch.zeros(len(used), vectors.shape[1], dtype=vectors.dtype, device=vectors.device)
    return functional.normalize(sums.index_add(0, place, vectors), dim=1), used


def matching(
    vectors: Float[Tensor, "frame dim"],
    codes: Int64[Tensor, " frame"],
    codebook: Float[Tensor, "vocab dim"],
    likeness: Likeness,
    *,
    temperature: float,
) -> Float[Tensor, ""]:
    """Cross-entropy of telling each prototype's own token from all, in nats.

    Args:
        vectors: of the frames of both sounds of a pair, of length one.
        codes: their tokens.
        codebook: the code vectors.
        likeness: of prototypes and code vectors.
        temperature: that likenesses are divided by.
    Source: Banerjee & Arora 2023 (wav2tok), prototype matching.
    """
    found, used = prototypes(vectors, codes)
    return functional.cross_entropy(likeness(found, codebook) / temperature, used)
