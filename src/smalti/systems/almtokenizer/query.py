"""The query nets: one learnable query gathers each window of frames, and is spread over as many frames again.

A group is [frames, query] in the encoder, so that the query hears its own window, and [query, masks] in the decoder,
so that the window's frames hear their own query:

    encoder   f f f Q  f f f Q          decoder   Q m m m  Q m m m
    kept            ^        ^          kept        ^ ^ ^    ^ ^ ^

Source: Yang et al. 2025 (ALMTokenizer, arXiv:2504.10344), section 3.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.nn.ring import RingCache
from smalti.nn.sliding import SlidingCache
from smalti.nn.transformer import Transformer, TransformerSettings
from smalti.systems.almtokenizer.config import QueryNetConfig


class QueryEncoder(nn.Module):
    """Frames to one vector per window."""

    def __init__(self, config: QueryNetConfig, *, dim: int) -> None:
        super().__init__()
        self.project_in = nn.Linear(dim, config.width)
        self.query = nn.Parameter(0.02 * torch.randn(config.width))
        self.transformer = Transformer(transformer_settings(config))

    def forward(
        self, frames: Float[Tensor, "batch frame dim"], window: int, cache: RingCache | SlidingCache | None = None
    ) -> Float[Tensor, "batch query width"]:
        """The vectors of all windows, or with a cache of the next ones; `frames` is a multiple of `window` long."""
        # float, so that in reduced precision the residual path keeps what the layers add to it
        groups = self.project_in(frames).float().unflatten(1, (-1, window))
        # Differs: the query begins with the mean of its frames and a mask with its query, so that what is gathered and
        # spread need not first be found by attention
        query = self.query + groups.mean(dim=2, keepdim=True)
        rows = torch.cat([groups, query], dim=2).flatten(1, 2)
        return self.transformer(rows, cache=cache)[:, window :: window + 1]


class QueryDecoder(nn.Module):
    """One vector per window to what is known of its frames."""

    def __init__(self, config: QueryNetConfig, *, dim: int) -> None:
        super().__init__()
        self.project_in = nn.Linear(dim, config.width)
        self.mask = nn.Parameter(0.02 * torch.randn(config.width))
        self.transformer = Transformer(transformer_settings(config))

    def forward(
        self, queries: Float[Tensor, "batch query dim"], window: int, cache: RingCache | SlidingCache | None = None
    ) -> Float[Tensor, "batch frame width"]:
        """`window` vectors for each query, or with a cache for each of the next ones."""
        heads = self.project_in(queries).float()[:, :, None]
        masks = (self.mask + heads).expand(-1, -1, window, -1)
        rows = torch.cat([heads, masks], dim=2).flatten(1, 2)
        heard = self.transformer(rows, cache=cache).unflatten(1, (-1, window + 1))
        return heard[:, :, 1:].flatten(1, 2)


def transformer_settings(config: QueryNetConfig) -> TransformerSettings:
    """The house's transformer at these sizes, told nothing."""
    return TransformerSettings(
        width=config.width,
        layers=config.layers,
        heads=config.heads,
        window=config.attention,
        hidden=config.hidden,
    )
