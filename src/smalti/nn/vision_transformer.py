"""The transformer of vision, for pictures cut into patches: every row sees all, positions come with the rows.

Its tensors carry the names that this family of published weights shares: `blocks.N.norm1`, `attn.qkv`, `attn.proj`,
`norm2`, `mlp.fc1`, `mlp.fc2`, and `norm` behind all blocks.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from smalti.core import ParameterError
from smalti.nn.attention import attend

_EPSILON = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionSettings:
    """Sizes of a vision transformer.

    Attributes:
        width: of every row.
        layers: blocks.
        heads: of attention; each width / heads wide.
        mlp_ratio: rows within a block's feed-forward branch are so many times as wide.
    """

    width: int
    layers: int
    heads: int
    mlp_ratio: int = 4

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ParameterError(
                f"width {self.width} does not split into {self.heads} heads; choose a multiple of {self.heads}"
            )


class VisionTransformer(nn.Module):
    """Pre-norm blocks with biases, exact GELU and LayerNorm; all linear maps begin Xavier-uniform, biases at zero.

    Source: arXiv:2010.11929; initialised as arXiv:2111.06377.
    """

    def __init__(self, settings: VisionSettings):
        super().__init__()
        self.settings = settings
        self.blocks = nn.ModuleList(_Block(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(settings.width, eps=_EPSILON)
        self.apply(_begin)

    def forward(self, rows: Float[Tensor, "batch row dim"]) -> Float[Tensor, "batch row dim"]:
        """The rows behind the last block, normalised."""
        for block in self.blocks:
            rows = block(rows)
        return self.norm(rows)

    def states(
        self, rows: Float[Tensor, "batch row dim"], *, most: int | None = None
    ) -> list[Float[Tensor, "batch row dim"]]:
        """The rows behind each block, as they are; those of the last are normalised, as `forward` gives them.

        Args:
            rows: vectors.
            most: stop behind so many blocks.
        """
        found: list[Tensor] = []
        for block in self.blocks[:most]:
            rows = block(rows)
            found.append(rows)
        return [*found[:-1], self.norm(rows)] if len(found) == len(self.blocks) else found


class _Block(nn.Module):
    def __init__(self, settings: VisionSettings):
        super().__init__()
        self.norm1 = nn.LayerNorm(settings.width, eps=_EPSILON)
        self.attn = _Attention(settings)
        self.norm2 = nn.LayerNorm(settings.width, eps=_EPSILON)
        self.mlp = _FeedForward(settings)

    def forward(self, rows: Tensor) -> Tensor:
        rows = rows + self.attn(self.norm1(rows))
        return rows + self.mlp(self.norm2(rows))


class _Attention(nn.Module):
    def __init__(self, settings: VisionSettings):
        super().__init__()
        self.heads = settings.heads
        self.qkv = nn.Linear(settings.width, 3 * settings.width)
        self.proj = nn.Linear(settings.width, settings.width)

    def forward(self, rows: Tensor) -> Tensor:
        queries, keys, values = self.qkv(rows).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if torch.is_grad_enabled():
            mixed = attend(queries, keys, values, None)
        else:  # only the backward of the fused kernel is slow
            mixed = functional.scaled_dot_product_attention(queries, keys, values)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class _FeedForward(nn.Module):
    def __init__(self, settings: VisionSettings):
        super().__init__()
        self.fc1 = nn.Linear(settings.width, settings.mlp_ratio * settings.width)
        self.fc2 = nn.Linear(settings.mlp_ratio * settings.width, settings.width)

    def forward(self, rows: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(rows)))


def _begin(part: nn.Module) -> None:
    if isinstance(part, nn.Linear):
        nn.init.xavier_uniform_(part.weight)
        nn.init.zeros_(part.bias)
