"""The one transformer: banded and causal, or seeing all at once; pre-norm, with conditions in every layer and an exact
ring cache.

Each branch is `x + gate · drop(branch(norm(x) · (1 + scale) + shift))`: the residual path itself is the identity.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from smalti.core import ParameterError
from smalti.nn.attention import BandedAttention, Remember
from smalti.nn.modulation import BranchModulation, Modulation, ModulationKind
from smalti.nn.one_row import BranchWeights, OneRow
from smalti.nn.ring import Parts, RingCache
from smalti.nn.rope import Rotation, rotation
from smalti.nn.sliding import SlidingCache


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerSettings:
    """Sizes of a transformer.

    Attributes:
        width: of the residual stream.
        layers: attention and feed-forward pairs.
        heads: of attention; each width / heads wide, an even number.
        window: rows that a row sees, itself included.
        condition_width: of the condition vectors; 0 for rows that are told nothing.
        modulation: how conditions enter the layers.
        hidden: width within the feed-forward branch; 0 is about 8/3 of `width`.
        dropout: share of the residual branches' outputs dropped in training.
        stride: rows of a frame, for positions of two parts, frame and row within it; 1 for positions of one.
    """

    width: int
    layers: int
    heads: int
    window: int
    condition_width: int = 0
    modulation: ModulationKind = "adaln"
    hidden: int = 0
    dropout: float = 0.0
    stride: int = 1

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise ParameterError(
                f"width {self.width} does not split into {self.heads} heads of even size; "
                f"choose a multiple of {2 * self.heads}"
            )
        if min(self.layers, self.window, self.stride) < 1:
            found = f"layers {self.layers}, window {self.window} and stride {self.stride}"
            raise ParameterError(f"{found} must be at least 1")

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.width // self.heads

    @property
    def reach(self) -> int:
        """Rows that can change the output of a row, itself included."""
        return self.layers * (self.window - 1) + 1


class Transformer(nn.Module):
    """Rows in, rows out; row i depends on rows i - reach < j ≤ i and on their conditions."""

    def __init__(self, settings: TransformerSettings):
        super().__init__()
        self.settings = settings
        self.modulation = _modulation(settings) if settings.condition_width else None
        self.blocks = nn.ModuleList(_Block(settings) for _ in range(settings.layers))
        self.norm = nn.RMSNorm(settings.width)

    def forward(
        self,
        rows: Float[Tensor, "batch row dim"],
        condition: Float[Tensor, "batch #row condition_dim"] | None = None,
        cache: RingCache | SlidingCache | None = None,
        present: Bool[Tensor, "batch row"] | None = None,
    ) -> Float[Tensor, "batch row dim"]:
        """All rows at once; or with a cache the next rows of each history.

        Args:
            rows: vectors.
            condition: of every row, or one for all; None for a transformer without conditions.
            cache: what was heard before.
            present: in place of the causal band every row sees all rows that are present, earlier and later; each item
                needs at least one. What is not present changes no other row.
        """
        if isinstance(cache, RingCache) and rows.shape[1] == 1 and self._only_asked(rows):
            return self._one_row(cache)(rows[:, 0], self._parts(condition, cache))[:, None]
        span = cache.span(rows.shape[1]) if cache else None
        visible = span.visible if span else None if present is None else present[:, None, None]
        positions = span.positions if span else torch.arange(rows.shape[1], device=rows.device)[None]
        turn = rotation(positions, head_dim=self.settings.head_dim, stride=self.settings.stride)
        for layer, (block, parts) in enumerate(zip(self.blocks, self._parts(condition, cache), strict=True)):
            remember = partial(cache.extend, layer, span) if cache and span else None
            rows = block(rows, parts, turn, remember, visible)
        if cache:
            cache.advance(rows.shape[1])
        return self.norm(rows)

    def _parts(self, condition: Tensor | None, cache: RingCache | SlidingCache | None) -> Sequence[Parts]:
        """What the condition does to each layer; while it does not move, a history need not ask again."""
        if self.modulation is None or condition is None:
            return ((None, None),) * self.settings.layers
        if not isinstance(cache, RingCache) or self.training:
            return self.modulation(condition)
        if cache.told is None or cache.told[0] is not condition:
            cache.told = condition, self.modulation(condition)
        return cache.told[1]

    def _only_asked(self, rows: Tensor) -> bool:
        """Whether no gradient, dropout, other precision or other device asks for the layers as they train."""
        plain = rows.dtype == torch.float32 and rows.device.type == "cpu"
        return plain and not self.training and not torch.is_grad_enabled()

    def _one_row(self, cache: RingCache) -> Callable[[Tensor, Sequence[Parts]], Tensor]:
        if cache.one_row is None:
            settings = self.settings
            layers = [block.weights() for block in self.blocks if isinstance(block, _Block)]
            cache.one_row = OneRow(layers, self.norm.weight, cache, heads=settings.heads, stride=settings.stride)
        return cache.one_row

    def cache(self, batch: int, device: torch.device) -> RingCache:
        """An empty history for each row of a batch."""
        settings = self.settings
        return RingCache(
            layers=settings.layers,
            batch=batch,
            heads=settings.heads,
            window=settings.window,
            head_dim=settings.head_dim,
            device=device,
        )


class _Block(nn.Module):
    def __init__(self, settings: TransformerSettings):
        super().__init__()
        # what conditions scale needs no scale of its own; one norm serves both branches then
        told = settings.condition_width > 0
        self.norm = nn.RMSNorm(settings.width, elementwise_affine=not told)
        self.second_norm = self.norm if told else nn.RMSNorm(settings.width)
        self.attention = BandedAttention(settings.width, heads=settings.heads, window=settings.window)
        self.feed_forward = _SwiGLU(settings.width, hidden=settings.hidden)
        self.drop = nn.Dropout(settings.dropout)

    def forward(
        self,
        rows: Tensor,
        parts: Parts,
        turn: Rotation,
        remember: Remember | None,
        visible: Tensor | None,
    ) -> Tensor:
        mixing, thinking = parts
        heard = self.attention(_before(self.norm(rows), mixing), turn, remember, visible)
        rows = _onto(rows, self.drop(heard), mixing)
        thought = self.feed_forward(_before(self.second_norm(rows), thinking))
        return _onto(rows, self.drop(thought), thinking)

    def weights(self) -> tuple[BranchWeights, BranchWeights]:
        """Of both branches, for `OneRow`."""
        mixing, thinking = self.attention, self.feed_forward
        return (
            BranchWeights(_scale(self.norm), mixing.project_in.weight, mixing.project_out.weight),
            BranchWeights(_scale(self.second_norm), thinking.project_in.weight, thinking.project_out.weight),
        )


def _scale(norm: nn.RMSNorm) -> Tensor:
    return norm.weight if norm.elementwise_affine else torch.ones(norm.normalized_shape)


def _before(rows: Tensor, part: BranchModulation | None) -> Tensor:
    return rows if part is None else part.before(rows)


def _onto(rows: Tensor, branch: Tensor, part: BranchModulation | None) -> Tensor:
    return rows + branch if part is None else part.onto(rows, branch)


def _modulation(settings: TransformerSettings) -> Modulation:
    return Modulation(
        condition_width=settings.condition_width,
        width=settings.width,
        layers=settings.layers,
        kind=settings.modulation,
    )


class _SwiGLU(nn.Module):
    """W3 (silu(W1 x) · W2 x), hidden ≈ 8/3 of the width. Source: arXiv:2002.05202, eq. 6."""

    def __init__(self, width: int, *, hidden: int = 0):
        super().__init__()
        hidden = hidden or -(-8 * width // 3 // 32) * 32
        self.project_in = nn.Linear(width, 2 * hidden, bias=False)
        self.project_out = nn.Linear(hidden, width, bias=False)

    def forward(self, rows: Tensor) -> Tensor:
        gate, value = self.project_in(rows).chunk(2, dim=-1)
        return self.project_out(functional.silu(gate) * value)
