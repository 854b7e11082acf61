"""The GPT-VAE's encoder: a whole clip becomes what is believed of its latent."""

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from smalti.core import TokenSpec
from smalti.nn.pooling import AttentionPooling
from smalti.nn.transformer import Transformer, TransformerSettings
from smalti.systems.melgpt.config import EncoderConfig


class ClipEncoder(nn.Module):
    """Frames (the sum of their codes' vectors) see each other both ways; a learnt question asks all of them.

    Source: arXiv:1909.00868 for the parts. Differs: attention pooling in place of the last position's output, so that
    the latent hears the beginning of a clip as well as its end.
    """

    offsets: Tensor

    def __init__(self, config: EncoderConfig, *, spec: TokenSpec, latent: int, fix_var: float | None = None):
        super().__init__()
        self.codes = nn.Embedding(spec.codebooks * (spec.vocab + 1), config.width)
        nn.init.normal_(self.codes.weight, std=0.02)
        sizes = TransformerSettings(
            width=config.width,
            layers=config.layers,
            heads=config.heads,
            window=1,  # of the causal band, which is never asked for here
            condition_width=1,
            modulation="film",
            dropout=config.dropout,
        )
        self.transformer = Transformer(sizes)
        self.pool = AttentionPooling(config.width, heads=config.heads)
        self.believe = nn.Linear(config.width, 2 * latent)
        self._log_variance = None if fix_var is None else math.log(fix_var)
        offsets = torch.arange(spec.codebooks) * (spec.vocab + 1)
        self.register_buffer("offsets", offsets[:, None], persistent=False)

    def forward(
        self, codes: Int64[Tensor, "batch codebook frame"], present: Bool[Tensor, "batch frame"]
    ) -> tuple[Float[Tensor, "batch latent"], Float[Tensor, "batch latent"]]:
        """Mean and log-variance of each clip's latent.

        Args:
            codes: V (blank) where one is not to be seen.
            present: the frames of each clip, at least one; the others are padding.
        """
        rows = self.codes(codes + self.offsets).sum(1)
        heard = self.transformer(rows, rows.new_zeros(len(codes), 1, 1), present=present)
        mean, log_variance = self.believe(self.pool(heard, present)).float().chunk(2, dim=-1)
        if self._log_variance is not None:
            log_variance = torch.full_like(log_variance, self._log_variance)
        return mean, log_variance
