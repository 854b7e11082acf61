"""A classifier behind the encoder, as published beside the weights."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.systems.matpac.config import ModelConfig

_EPSILON = 1e-5


class TagHead(nn.Module):
    """Scores in 0…1 of every class, from the time steps of one recording.

    For AudioSet the mean over patches and time is normalised and mapped; for other tasks the mean over time is mapped.
    Classes that exclude one another share one (softmax); others have a probability each (sigmoid).
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, config: ModelConfig):
        super().__init__()
        assert config.head is not None
        self.head, self.rows = config.head, config.rows
        patches = config.head.hears == "patches"
        width = config.encoder.width if patches else config.dim
        if patches:  # a batch norm without gains, which only hears
            self.register_buffer("mean", torch.zeros(width))
            self.register_buffer("variance", torch.ones(width))
        self.linear = nn.Linear(width, len(config.head.labels))

    def forward(self, steps: Float[Tensor, "step dim"]) -> Float[Tensor, " class"]:
        """The scores of one recording.

        # Differs: the published code gives softmax for classes that do not exclude one another, too.
        """
        pooled = steps.mean(0, keepdim=True)
        if self.head.hears == "patches":
            pooled = pooled.unflatten(1, (self.rows, -1)).mean(1)
            pooled = (pooled - self.mean) / (self.variance + _EPSILON).sqrt()
        logits = self.linear(pooled)[0]
        return torch.sigmoid(logits) if self.head.task == "multi-label" else logits.softmax(0)
