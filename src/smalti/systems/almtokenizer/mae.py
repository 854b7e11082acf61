"""The masked branch of stage 1: frames that are hidden are to be guessed from the others, so that frames know theirs.

Its nets are thrown away with the run; the front keeps what it learnt of them.
"""

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor, nn

from smalti.config import Settings
from smalti.nn.transformer import Transformer, TransformerSettings


class MAEConfig(Settings):
    """Two light transformers over frames, without queries."""

    width: int = Field(default=128, gt=0, description="published: embed_dim")
    layers: int = Field(default=6, gt=0, description="of the decoder; published: n_layers")
    heads: int = Field(default=8, gt=0, description="published: n_heads")
    hidden: int = Field(default=0, ge=0, description="published: dim_feedforward; 0 is 8/3 of the width")
    encoder_layers: int = Field(default=2, gt=0, description="layers that see what is not hidden")
    rate: tuple[float, float] = Field(default=(0.2, 0.3), description="least and largest share of frames hidden")


class MaskedFrames(nn.Module):
    """Guesses hidden frames; every frame that is there sees every other, earlier and later.

    Source: He et al. 2021 (MAE, arXiv:2111.06377), and Yang et al. 2025 for frames of sound. Differs: the decoder is
    pre-norm with a linear head, so that guesses have any scale, and all frames enter it.
    """

    def __init__(self, config: MAEConfig, *, dim: int) -> None:
        """Lay both transformers out for frames of `dim` numbers."""
        super().__init__()
        self.project_in = nn.Linear(dim, config.width)
        self.encoder = Transformer(_settings(config, config.encoder_layers))
        self.mask = nn.Parameter(0.02 * torch.randn(config.width))
        self.decoder = Transformer(_settings(config, config.layers))
        self.project_out = nn.Linear(config.width, dim)

    def forward(
        self,
        frames: Float[Tensor, "batch frame dim"],
        hidden: Bool[Tensor, "batch frame"],
        inside: Bool[Tensor, "batch frame"],
    ) -> Float[Tensor, ""]:
        """Mean squared error of the guesses of hidden frames; 0 if none is hidden.

        Args:
            frames: as the front gives them. The error pulls at what is seen of them, never at what is to be guessed.
            hidden: of `hide_frames`.
            inside: which frames belong to their items, at least one of each not hidden.
        """
        seen = self.encoder(self.project_in(frames), present=inside & ~hidden)
        told = torch.where(hidden[..., None], self.mask.to(seen), seen)
        guess = self.project_out(self.decoder(told, present=inside))
        error = (guess.float() - frames.detach().float()).square().mean(-1)
        wanted = hidden & inside
        return (error * wanted).sum() / wanted.sum().clamp(min=1)


def hide_frames(
    lengths: Int64[Tensor, " batch"], *, frames: int, rate: tuple[float, float], generator: torch.Generator
) -> Bool[Tensor, "batch frame"]:
    """Frames to hide: of each item its own share of those within its length, evenly drawn, and never all of them.

    Args:
        lengths: frames of each item.
        frames: of the longest.
        rate: bounds of the shares.
        generator: source of all chances.
    """
    low, high = rate
    shares = low + (high - low) * torch.rand(len(lengths), generator=generator)
    chances = torch.rand(len(lengths), frames, generator=generator)
    outside = torch.arange(frames) >= lengths[:, None]
    places = chances.masked_fill(outside, 2.0).argsort(dim=1).argsort(dim=1)
    counts = torch.minimum((shares * lengths).round().long(), (lengths - 1).clamp(min=0))
    return places < counts[:, None]


def _settings(config: MAEConfig, layers: int) -> TransformerSettings:
    # the window is a causal band's; here rows are told what they see
    return TransformerSettings(width=config.width, layers=layers, heads=config.heads, window=1, hidden=config.hidden)
