"""One set of settings for all quantisers, and the one place that turns it into a quantiser."""

from typing import Literal

from pydantic import Field

from smalti.config import Settings
from smalti.quantize.cosine import CosineQuantizer
from smalti.quantize.plain import PlainQuantizer
from smalti.quantize.residual import ResidualVectorQuantizer
from smalti.quantize.rows import RowQuantizer
from smalti.quantize.scalar import FiniteScalarQuantizer, levels_for
from smalti.quantize.vector import VectorQuantizer

_One = VectorQuantizer | PlainQuantizer | CosineQuantizer | FiniteScalarQuantizer | ResidualVectorQuantizer


class QuantizerConfig(Settings):
    """How latents become codes. Every kind takes every field and uses those that are its own."""

    kind: Literal["ema", "plain", "cosine", "fsq", "rvq"] = Field(
        default="ema",
        description="ema: moving averages; plain: learnt by gradient, as first published; cosine: directions in few "
        "dimensions; fsq: rounded numbers; rvq: ema codebooks in a row",
    )
    vocab: int = Field(default=1024, gt=1, le=65536, description="V; for fsq, which has a grid, the most")
    decay: float = Field(default=0.97, gt=0, lt=1, description="of the moving averages, per step (all but fsq)")
    depth: int = Field(default=4, gt=0, description="codebooks in a row (rvq)")
    dim: int = Field(default=16, gt=0, description="dimensions of the directions (cosine)")
    levels: tuple[int, ...] = Field(default=(), description="values of each number (fsq); empty: chosen by vocab")
    restart: Literal["auto", "on", "off"] = Field(
        default="auto", description="idle codes begin anew among the latents; auto: not those of plain"
    )

    @property
    def starts_among_latents(self) -> bool:
        """Whether code vectors are placed by k-means when the latents have found their places."""
        return self.kind not in ("plain", "fsq")

    @property
    def restarts(self) -> bool:
        """Whether idle codes begin anew."""
        return self.restart == "on" or (self.restart == "auto" and self.kind != "plain")


def build_quantizer(config: QuantizerConfig, *, dim: int, rows: int = 1) -> _One | RowQuantizer:
    """The quantiser of these settings, unlearnt; `rows` equal parts of a latent share its codebooks.

    Args:
        config: what kind, how large.
        dim: numbers per row.
        rows: of a latent, which is rows · dim wide.
    Raises:
        ParameterError: if the levels are not such that a grid can be made of them.
    """
    one = _one(config, dim)
    return one if rows == 1 else RowQuantizer(one, rows=rows)


def _one(config: QuantizerConfig, dim: int) -> _One:
    vocab, decay = config.vocab, config.decay
    match config.kind:
        case "ema":
            return VectorQuantizer(dim=dim, vocab=vocab, decay=decay)
        case "plain":
            return PlainQuantizer(dim=dim, vocab=vocab, decay=decay)
        case "cosine":
            return CosineQuantizer(dim=dim, vocab=vocab, directions=config.dim, decay=decay)
        case "fsq":
            return FiniteScalarQuantizer(dim=dim, levels=config.levels or levels_for(vocab))
        case "rvq":
            return ResidualVectorQuantizer(dim=dim, codebooks=config.depth, vocab=vocab, decay=decay)
