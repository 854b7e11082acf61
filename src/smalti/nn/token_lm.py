"""The one conditional token language model: sums the codes of a row, reads rows with the transformer, guesses the next.

It is a `core.TokenLM` of any tokenizer, schema and pattern. Code V is the blank: it fills the cells of a pattern that
hold no code, stands for padding, and a row of Q blanks is the learnt start before every history.
"""

from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from smalti.core import Condition, Mix, ParameterError, Schema, Stepper, TokenSpec
from smalti.nn.depth_head import CodeByCode, DepthHead
from smalti.nn.evaluation import refuse_training
from smalti.nn.few_rows import FewRows
from smalti.nn.modulation import ConditionEmbedding, ToldOnce, require_condition_of
from smalti.nn.ring import RingCache
from smalti.nn.transformer import Transformer, TransformerSettings
from smalti.patterns import find_pattern


class TokenTransformer(nn.Module):
    """Transformer over rows of Q codes with Q heads of V logits; or, of pattern `depth`, over frames with a depth head.

    Attributes:
        spec: of the tokens it continues.
        schema: what it can be told.
        pattern: name of how codes become rows.
    """

    offsets: Tensor

    def __init__(
        self,
        *,
        spec: TokenSpec,
        schema: Schema,
        pattern: str,
        transformer: TransformerSettings,
        depth_width: int = 128,
    ):
        """Lay it out; `depth_width` is of the cell of pattern `depth`, and other patterns have none."""
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
        self.heads = (
            DepthHead(spec, heard=transformer.width, width=depth_width, dropout=transformer.dropout)
            if pattern == "depth"
            else nn.Linear(transformer.width, spec.codebooks * spec.vocab)
        )
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
        condition = Condition(labels, values, mix)
        if isinstance(self.heads, DepthHead):
            heard = self.hear(_shifted(codes, self.spec.vocab), self.told(condition, steer))
            return self.heads(heard, codes[:, :-1])
        newest = self._pattern.newest_frames(codebooks, frames).to(codes.device)
        if labels.shape[1] > 1:
            condition = condition.at(newest)
        rows = self._pattern.rows(codes, self.spec.vocab)
        guesses = self.read(_shifted(rows, self.spec.vocab), condition, steer=steer)
        if self._pattern.delay == 0:
            return guesses
        places = self._pattern.positions(codebooks, frames).to(codes.device)
        return guesses[:, torch.arange(codebooks, device=codes.device)[:, None], places]

    def read(
        self,
        rows: Int64[Tensor, "batch codebook row"],
        condition: Condition,
        steer: Float[Tensor, "batch condition_dim"] | None = None,
    ) -> Float[Tensor, "batch codebook row vocab"]:
        """Logits of the row that follows each of these rows; the condition is that of the guessed rows."""
        return self.guess(self.hear(rows, self.told(condition, steer)))

    def told(
        self, condition: Condition, steer: Float[Tensor, "batch condition_dim"] | None = None
    ) -> Float[Tensor, "batch #row condition_dim"]:
        """A vector of each frame of a condition, steered."""
        vectors = self.conditions(condition)
        return vectors if steer is None else vectors + steer[:, None]

    def hear(
        self,
        rows: Int64[Tensor, "batch codebook row"],
        told: Float[Tensor, "batch #row condition_dim"],
        cache: RingCache | None = None,
    ) -> Float[Tensor, "batch row dim"]:
        """A vector of each row, and of all before it in its reach: what the heads guess from."""
        vectors = self.drop(self.codes(rows + self.offsets).sum(1))
        return self.transformer(vectors, told, cache)

    def guess(self, heard: Float[Tensor, "batch row dim"]) -> Float[Tensor, "batch codebook row vocab"]:
        """Logits of all codes of the next row at once, from what was heard."""
        assert isinstance(self.heads, nn.Linear), "a depth head guesses codes, not rows"
        return self.heads(heard).unflatten(-1, (self.spec.codebooks, self.spec.vocab)).transpose(1, 2)

    def stepper(self, batch: int, steer: Float[Tensor, "batch condition_dim"] | None = None) -> Stepper:
        """A batch of empty histories, steered for all their life as `forward` is.

        Raises:
            ParameterError: if the model is in training mode, where dropout would make logits random.
        """
        refuse_training(self)
        return (DepthStepper if isinstance(self.heads, DepthHead) else TokenStepper)(self, batch, steer)


def _shifted(rows: Tensor, blank: int) -> Tensor:
    """What was there before each of these rows: before the first, the blank start."""
    return functional.pad(rows, (1, 0), value=blank)[:, :, :-1]


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
    require_condition_of(schema, condition, batch=batch, frames=frames)


class _Listener:
    """One batch of histories with their ring cache."""

    def __init__(self, model: TokenTransformer, batch: int, steer: Tensor | None):
        self.model, self._told = model, ToldOnce(partial(model.told, steer=steer))
        self.device = model.codes.weight.device
        self.cache = model.transformer.cache(batch, self.device)

    def hear(self, rows: Tensor, condition: Condition) -> Float[Tensor, "batch row dim"]:
        """Vectors of the next rows."""
        return self.model.hear(rows, self._told(condition), self.cache)


class TokenStepper:
    """Histories of a batch: a step costs the same at row 10 and at row 10,000,000."""

    def __init__(self, model: TokenTransformer, batch: int, steer: Float[Tensor, "batch condition_dim"] | None = None):
        assert isinstance(model.heads, nn.Linear)
        self._listener = _Listener(model, batch, steer)
        self._heads = FewRows(model.heads.weight, model.heads.bias, rows=batch)

    @torch.inference_mode()
    def step(
        self, rows: Int64[Tensor, "batch codebook row"], condition: Condition
    ) -> Float[Tensor, "batch codebook row vocab"]:
        """Hear the next rows of each history and guess what follows each of them.

        Args:
            rows: one row, or many (a prompt); the first row of a history is the start, all blank.
            condition: of the guessed rows: the one after each of these.
        """
        listener = self._listener
        rows, condition = rows.to(listener.device), condition.to(listener.device)
        window, count = listener.cache.window, rows.shape[2]
        if count == 1:
            heard = listener.hear(rows, condition)[:, 0]
            return self._heads(heard).view(*rows.shape[:2], 1, -1)
        pieces = [slice(start, start + window) for start in range(0, count, window)]
        heard = [listener.hear(rows[:, :, piece], condition.at(piece)) for piece in pieces]
        return listener.model.guess(torch.cat(heard, dim=1))

    def reset(self, rows: Int64[Tensor, " chosen"]) -> None:
        """Forget the history of these rows of the batch; the others go on."""
        self._listener.cache.reset(rows)


class DepthStepper:
    """Histories of a batch read by a model with a depth head: the large transformer hears a frame when it is whole.

    Rows are those of the pattern: Q to a frame, each with one code, and the guess behind row p is of codebook p mod Q.
    What is given for the other codebooks, which have no code there, is 0.
    """

    def __init__(self, model: TokenTransformer, batch: int, steer: Float[Tensor, "batch condition_dim"] | None = None):
        assert isinstance(model.heads, DepthHead)
        self._listener, self._head, self._spec = _Listener(model, batch, steer), model.heads, model.spec
        self._by_code = CodeByCode(model.heads, rows=batch)
        device = self._listener.device
        self._places = [0] * batch
        self._frame = torch.full((batch, model.spec.codebooks), model.spec.vocab, device=device)
        self._first, self._state = self._by_code.begin(
            torch.zeros(batch, model.transformer.settings.width, device=device)
        )

    @torch.inference_mode()
    def step(
        self, rows: Int64[Tensor, "batch codebook row"], condition: Condition
    ) -> Float[Tensor, "batch codebook row vocab"]:
        """As of `TokenStepper`; frames that come whole are heard at once."""
        rows, condition = rows.to(self._listener.device), condition.to(self._listener.device)
        window, count, codebooks = self._listener.cache.window, rows.shape[2], self._spec.codebooks
        guesses, start = list[Tensor](), 0
        while start < count:
            frames = 0 if any(self._places) else min((count - start) // codebooks, window)
            piece = slice(start, start + (frames * codebooks or 1))
            read = self._frames if frames else self._row
            guesses.append(read(rows[:, :, piece], condition.at(piece)))
            start = piece.stop
        return guesses[0] if len(guesses) == 1 else torch.cat(guesses, dim=2)

    def _row(self, row: Tensor, condition: Condition) -> Tensor:
        """One row, wherever each history stands in its frame."""
        codebooks, places = self._spec.codebooks, sorted(set(self._places))
        guesses = self._first.new_zeros(*self._frame.shape, 1, self._spec.vocab)
        standing = {place: self._standing(place) for place in places}
        for place, chosen in standing.items():
            self._frame[chosen, place - 1] = row[chosen, place - 1, 0]
        if 0 in places:
            self._begin(condition)
        for place, chosen in standing.items():
            newest = self._frame[chosen, place - 1] if place else None
            guess, state = self._by_code.one(self._first[chosen], newest, self._state[chosen], place=place)
            guesses[chosen, place, 0], self._state[chosen] = guess, state
        self._places = [(place + 1) % codebooks for place in self._places]
        return guesses

    def _standing(self, place: int) -> slice | Int64[Tensor, " chosen"]:
        """The histories whose next code is of that codebook, of which there is one or more."""
        found = [at for at, each in enumerate(self._places) if each == place]
        return slice(None) if len(found) == len(self._places) else torch.tensor(found, device=self._frame.device)

    def _begin(self, condition: Condition) -> None:
        """Hear the frames that are whole; what others write lies where their next frame will, unseen until then."""
        heard = self._listener.hear(self._frame[:, :, None], condition)[:, 0]
        first, state = self._by_code.begin(heard)
        if any(self._places):
            whole = torch.tensor(self._places, device=heard.device) == 0
            self._listener.cache.offsets -= (~whole).long()
            first = torch.where(whole[:, None], first, self._first)
            state = torch.where(whole[:, None], state, self._state)
        self._first, self._state = first, state

    def _frames(self, rows: Tensor, condition: Condition) -> Tensor:
        """Whole frames, all but the last code of the last: rows that begin with the last code of the frame before."""
        codebooks = self._spec.codebooks
        below = rows.unflatten(2, (-1, codebooks)).diagonal(1, dim1=1, dim2=3).transpose(1, 2)
        before = torch.cat([self._frame[:, :-1, None], below[:, :, :-1]], dim=2)
        before = torch.cat([before, rows[:, -1:, ::codebooks]], dim=1)
        heard = self._listener.hear(before, condition.at(slice(None, None, codebooks)))
        self._frame[:, :-1] = below[:, :, -1]
        guesses = heard.new_zeros(*rows.shape, self._spec.vocab)
        for q, guess in enumerate(self._head(heard, below).unbind(1)):
            guesses[:, q, q::codebooks] = guess
        return guesses

    def reset(self, rows: Int64[Tensor, " chosen"]) -> None:
        """Forget the history of these rows of the batch; the others go on."""
        self._listener.cache.reset(rows)
        self._frame[rows] = self._spec.vocab
        for row in rows.tolist():
            self._places[row] = 0
