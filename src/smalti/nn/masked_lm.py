"""The one masked token model: reads frames of codes of which some are blank, sees all of them, guesses the blanks.

It is a `core.MaskedLM` of any tokenizer and schema. A row of the transformer is a frame: the sum of its Q codes, code V
where one is blank; Q heads guess all codes of a frame at once.

Source: arXiv:2202.04200, section 3.1, and for Q streams arXiv:2305.09636. Differs: rotary positions, so that a window
may begin anywhere; conditions modulate every layer.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.core import Condition, Mix, ParameterError, Schema, TokenSpec
from smalti.nn.modulation import ConditionEmbedding
from smalti.nn.token_lm import refuse_misfits
from smalti.nn.transformer import Transformer, TransformerSettings


class MaskedTransformer(nn.Module):
    """Transformer over frames, both ways.

    Attributes:
        spec: of the tokens it fills in.
        schema: what it can be told.
    """

    offsets: Tensor

    def __init__(self, *, spec: TokenSpec, schema: Schema, transformer: TransformerSettings):
        super().__init__()
        self.spec, self.schema = spec, schema
        self.codes = nn.Embedding(spec.codebooks * (spec.vocab + 1), transformer.width)
        nn.init.normal_(self.codes.weight, std=0.02)
        self.conditions = ConditionEmbedding(
            labels=len(schema.labels), parameters=len(schema.parameters), width=transformer.condition_width
        )
        self.transformer = Transformer(transformer)
        self.drop = nn.Dropout(transformer.dropout)
        self.heads = nn.Linear(transformer.width, spec.codebooks * spec.vocab)
        offsets = torch.arange(spec.codebooks) * (spec.vocab + 1)
        self.register_buffer("offsets", offsets[:, None], persistent=False)

    @property
    def parameter_count(self) -> int:
        """Numbers that it has learnt."""
        return sum(weight.numel() for weight in self.parameters())

    @property
    def window(self) -> int:
        """Most frames that it hears at once."""
        return self.transformer.settings.window

    def fill(
        self,
        codes: Int64[Tensor, "batch codebook frame"],
        condition: Condition,
        frames: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch codebook frame vocab"]:
        """Logits of every code given all that is told.

        Args:
            codes: 0…V-1, or V (blank) for what is to be guessed.
            condition: of every frame; or of one, which then holds for all.
            frames: of each item, at least one; what lies behind is padding, which no frame hears. None for all.
        Raises:
            ParameterError: if codes or condition do not fit the model, or there are more frames than its window.
        """
        refuse_misfits(self.spec, self.schema, codes, condition)
        if codes.shape[2] > self.window:
            raise ParameterError(f"found {codes.shape[2]} frames, this model hears {self.window} at once; give windows")
        if frames is None:
            frames = torch.full((len(codes),), codes.shape[2])
        device = self.heads.weight.device
        told = condition.to(device)
        return self(codes.to(device), told.labels, told.values, frames.to(device), told.mix)

    def forward(
        self,
        codes: Int64[Tensor, "batch codebook frame"],
        labels: Int64[Tensor, "batch #frame"],
        values: Float[Tensor, "batch #frame parameter"],
        frames: Int64[Tensor, " batch"],
        mix: Mix | None = None,
    ) -> Float[Tensor, "batch codebook frame vocab"]:
        """`fill` for what is known to fit, with the fields of the condition as tensors."""
        present = torch.arange(codes.shape[2], device=codes.device) < frames[:, None]
        vectors = self.drop(self.codes(codes + self.offsets).sum(1))
        heard = self.transformer(vectors, self.conditions(Condition(labels, values, mix)), present=present)
        return self.heads(heard).unflatten(-1, (self.spec.codebooks, self.spec.vocab)).transpose(1, 2)
