"""The predictor: from what the student saw to what the teacher must have seen elsewhere, in one guess or several."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.nn.vision_transformer import VisionSettings, VisionTransformer
from smalti.systems.matpac.masking import take
from smalti.systems.matpac.positions import positions
from smalti.systems.matpac.pretraining import PredictorConfig


class Predictor(nn.Module):
    """A transformer over shown rows and, in the places of hidden ones, one learnt row.

    The rows stand in the order in which they are shown and hidden: their positions say where they lie, so nothing need
    be put back into its place.
    """

    def __init__(self, config: PredictorConfig, *, rows: int, width: int, choices: int) -> None:
        """Build it.

        Args:
            config: sizes.
            rows: patches over the frequencies.
            width: of the encoder's vectors.
            choices: guesses of every hidden row, each by a linear map of its own.
        """
        super().__init__()
        self._rows, self._width = rows, config.width
        self.embed = nn.Linear(width, config.width)
        self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, config.width))
        self.transformer = VisionTransformer(
            VisionSettings(width=config.width, layers=config.layers, heads=config.heads, mlp_ratio=config.mlp_ratio)
        )
        # Differs: with several guesses there is no single one beside them, which would learn nothing
        guesses = [nn.Linear(config.width, width) for _ in range(choices)]
        self.guesses = nn.ModuleList(guesses)
        for part in (self.embed, *guesses):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)

    def forward(
        self,
        seen: Float[Tensor, "batch row dim"],
        order: Int64[Tensor, "batch token"],
        *,
        shown: int,
    ) -> Float[Tensor, "choice batch hidden dim"]:
        """Guesses of the hidden rows, in the order of `order`.

        Args:
            seen: the student's rows of the first `shown` tokens, behind a class token's row if there is one.
            order: the tokens of each crop, those shown first.
            shown: how many they are.
        """
        places = positions(rows=self._rows, columns=order.shape[1] // self._rows, width=self._width).to(seen.device)
        where = take(places.expand(len(order), -1, -1), order)
        extra = seen.shape[1] - shown  # a class token has no position
        known = self.embed(seen).float()
        known = torch.cat([known[:, :extra], known[:, extra:] + where[:, :shown]], dim=1)
        hidden = self.mask_token + where[:, shown:]
        rows = self.transformer(torch.cat([known, hidden], dim=1))[:, -hidden.shape[1] :]
        return torch.stack([guess(rows) for guess in self.guesses])
