"""The one conditional token language model: sums the codes of a row, reads rows with the transformer, guesses the next.

It is a `core.TokenLM` of any tokenizer, schema and pattern. Code V is the blank: it fills the cells of a pattern that
hold no code, stands for padding, and a row of Q blanks is the learnt start before every history.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from smalti.core import Condition, Mix, ParameterError, Schema, TokenSpec
from smalti.nn.modulation import ConditionEmbedding, require_condition
from smalti.nn.ring import RingCache
from smalti.nn.transformer import Transformer, TransformerSettings
from smalti.patterns import find_pattern


class TokenTransformer(nn.Module):
    """Transformer over rows of Q codes with Q heads of V logits.

    Attributes:
        spec: of the tokens it continues.
        schema: what it can be told.
        pattern: name of how codes become rows.
    """

    offsets: Tensor

    def __init__(self, *, spec: TokenSpec, schema: Schema, pattern: str, transformer: TransformerSettings):
        super().__init__()
        self.spec, self.schema, self.pattern = spec, schema, pattern
        self._pattern = find_pattern(pattern)
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

    def logits(
        self, codes: Int64[Tensor, "batch codebook frame"], condition: Condition
    ) -> Float[Tensor, "batch codebook frame vocab"]:
        """Logits of every code given all that comes before it in the pattern.

        Args:
            codes: 0…V-1, or V (blank) behind an item's own frames, where its condition must hold its last value:
                the item then gives what it gives alone.
            condition: of every frame; or of one, which then holds for all.
        Raises:
            ParameterError: if codes or condition have another shape or range than the model's.
        """
        refuse_misfits(self.spec, self.schema, codes, condition)
        return self(codes, condition.labels, condition.values, mix=condition.mix)

    def forward(
        self,
        codes: Int64[Tensor, "batch codebook frame"],
        labels: Int64[Tensor, "batch #frame"],
        values: Float[Tensor, "batch #frame parameter"],
        steer: Float[Tensor, "batch condition_dim"] | None = None,
        mix: Mix | None = None,
    ) -> Float[Tensor, "batch codebook frame vocab"]:
        """`logits` for what is known to fit, with the fields of the condition as tensors.

        Args:
            steer: added to the condition vector of every row of an item, so that it reaches every layer.
            mix: of the condition.
        """
        codebooks, frames = codes.shape[1:]
        newest = self._pattern.newest_frames(codebooks, frames).to(codes.device)
        condition = Condition(labels, values, mix)
        if labels.shape[1] > 1:
            condition = condition.at(newest)
        rows = self._pattern.rows(codes, self.spec.vocab)
        before = functional.pad(rows, (1, 0), value=self.spec.vocab)[:, :, :-1]
        guesses = self.read(before, condition, steer=steer)
        places = self._pattern.positions(codebooks, frames).to(codes.device)
        if self._pattern.delay == 0:
            return guesses
        return guesses[:, torch.arange(codebooks, device=codes.device)[:, None], places]

    def read(
        self,
        rows: Int64[Tensor, "batch codebook row"],
        condition: Condition,
        cache: RingCache | None = None,
        steer: Float[Tensor, "batch condition_dim"] | None = None,
    ) -> Float[Tensor, "batch codebook row vocab"]:
        """Logits of the row that follows each of these rows; the condition is that of the guessed rows."""
        vectors = self.drop(self.codes(rows + self.offsets).sum(1))
        told = self.conditions(condition)
        heard = self.transformer(vectors, told if steer is None else told + steer[:, None], cache)
        return self.heads(heard).unflatten(-1, (self.spec.codebooks, self.spec.vocab)).transpose(1, 2)

    def stepper(self, batch: int, steer: Float[Tensor, "batch condition_dim"] | None = None) -> "TokenStepper":
        """A batch of empty histories, steered for all their life as `forward` is.

        Raises:
            ParameterError: if the model is in training mode, where dropout would make logits random.
        """
        if self.training:
            raise ParameterError("the model is in training mode, wanted evaluation; call .eval() first")
        return TokenStepper(self, batch, steer)


def refuse_misfits(
    spec: TokenSpec, schema: Schema, codes: Int64[Tensor, "batch codebook frame"], condition: Condition
) -> None:
    """Refuse codes (0…V-1, or V for a blank) and a condition that a model of this spec and schema cannot read.

    Raises:
        ParameterError: naming what was found and wanted.
    """
    batch, codebooks, frames = codes.shape
    if codebooks != spec.codebooks:
        raise ParameterError(f"codes have {codebooks} codebooks, this model {spec.codebooks}; encode them again")
    if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) <= spec.vocab:
        found = f"{int(codes.min())}…{int(codes.max())}"
        raise ParameterError(f"codes are {found}, this model knows 0…{spec.vocab - 1}; codes are never clamped")
    if condition.labels.shape not in ((batch, frames), (batch, 1)):
        raise ParameterError(f"condition is of shape {tuple(condition.labels.shape)}, wanted {(batch, frames)}")
    require_condition(schema, condition)


class TokenStepper:
    """Histories of a batch, one ring cache: a step costs the same at row 10 and at row 10,000,000."""

    def __init__(self, model: TokenTransformer, batch: int, steer: Float[Tensor, "batch condition_dim"] | None = None):
        self._model, self._steer = model, steer
        self._cache = model.transformer.cache(batch, model.heads.weight.device)

    @torch.inference_mode()
    def step(
        self, rows: Int64[Tensor, "batch codebook row"], condition: Condition
    ) -> Float[Tensor, "batch codebook row vocab"]:
        """Hear the next rows of each history and guess what follows each of them.

        Args:
            rows: one row, or many (a prompt); the first row of a history is the start, all blank.
            condition: of the guessed rows: the one after each of these.
        """
        device = self._cache.offsets.device
        rows = rows.to(device)
        condition = condition.to(device)
        window, count = self._cache.window, rows.shape[2]
        pieces = [slice(start, start + window) for start in range(0, count, window)]
        guesses = [
            self._model.read(rows[:, :, piece], condition.at(piece), self._cache, self._steer) for piece in pieces
        ]
        return guesses[0] if len(guesses) == 1 else torch.cat(guesses, dim=2)

    def reset(self, rows: Int64[Tensor, " chosen"]) -> None:
        """Forget the history of these rows of the batch; the others go on."""
        self._cache.reset(rows)
