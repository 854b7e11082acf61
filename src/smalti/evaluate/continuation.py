"""Does a model go on where a prompt ends? Kept exactly, without a seam, and without reciting what it was trained on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Condition, ParameterError, TokenLM, Tokens
from smalti.evaluate.copying import copy_rate
from smalti.evaluate.likelihood import ConditionedCodes

_SEEDS_APART = 11_000_003
_ROWS = 32
_LOGITS_AT_ONCE = 2**24


@runtime_checkable
class Continue(Protocol):
    """Prompt and what comes behind it, as long as a condition: `functools.partial(smalti.generate.generate, lm, …)`."""

    def __call__(
        self, condition: Condition, *, seeds: Sequence[int], prompt: Tokens
    ) -> Int64[Tensor, "batch codebook frame"]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuationSettings:
    """What is heard and what is made.

    Attributes:
        prompt: seconds of a real clip that are heard.
        seconds: made behind it.
        join: seconds behind the prompt that count as its join.
        copied: seconds of a span that may be copied.
        most: clips that are continued, evenly taken of those that are long enough.
        seed: of everything drawn.
    """

    prompt: float = 2.0
    seconds: float = 4.0
    join: float = 0.5
    copied: float = 2.0
    most: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.prompt > 0 and 0 < self.join < self.seconds and self.copied > 0 and self.most > 0):
            raise ParameterError(f"{self} cannot be heard; give lengths above zero and a join shorter than the rest")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuationScore:
    """How prompts were gone on with.

    Attributes:
        kept: share of the prompts' codes that come back unchanged; 1 is the only right answer.
        join_bits, interior_bits: the model's own -log2 p of each code that it made, in the join and behind it.
        join_ratio: the first over the second: near 1 there is no seam.
        copy_rate: share of the spans made that the training tokens hold; None without any that are as long.
        clips: continued.
    """

    kept: float
    join_bits: float
    interior_bits: float
    join_ratio: float
    copy_rate: float | None
    clips: int


@torch.no_grad()
def evaluate_continuation(
    lm: TokenLM,
    continue_codes: Continue,
    *,
    held_out: Sequence[ConditionedCodes],
    training: Sequence[Int64[Tensor, "codebook _"]] = (),
    settings: ContinuationSettings | None = None,
) -> ContinuationScore | None:
    """Continue the beginnings of real clips, told what they are told; None if no clip is as long as a prompt.

    Args:
        lm: asked how likely it finds what was made.
        continue_codes: makes it.
        held_out: real clips; shorter ones than a prompt are left out.
        training: codes that the model was trained on.
        settings: lengths.
    """
    settings = settings or ContinuationSettings()
    rate = lm.spec.frame_rate
    known, new, join = (max(1, round(s * rate)) for s in (settings.prompt, settings.seconds, settings.join))
    long = [clip for clip in held_out if clip.codes.shape[1] >= known]
    prompts = long[:: math.ceil(len(long) / settings.most) or 1]
    rows = max(1, min(_ROWS, _LOGITS_AT_ONCE // (lm.spec.codebooks * lm.spec.vocab * (known + new))))
    if not prompts or new <= join:
        return None
    kept, bits, made = 0, list[Tensor](), list[Tensor]()
    for first in range(0, len(prompts), rows):
        some = prompts[first : first + rows]
        heard = torch.stack([clip.codes[:, :known] for clip in some])
        seeds = [settings.seed * _SEEDS_APART + first + row for row in range(len(some))]
        tokens = Tokens(heard, lm.spec, torch.full((len(some),), known * lm.spec.hop))
        codes = continue_codes(_told(some, known, new), seeds=seeds, prompt=tokens).cpu()
        kept += int((codes[:, :, :known] == heard).sum())
        bits.append(_bits(lm, codes, _told(some, known, known + new))[:, known:])
        made.extend(codes[:, :, known:])
    costs = torch.cat(bits).mean(dim=0)
    seam, inner = float(costs[:join].mean()), float(costs[join:].mean())
    return ContinuationScore(
        kept=kept / (len(prompts) * known * lm.spec.codebooks),
        join_bits=seam,
        interior_bits=inner,
        join_ratio=seam / inner if inner > 0 else 1.0 if seam == 0 else math.inf,
        copy_rate=_copied(made, training, span=round(settings.copied * rate), vocab=lm.spec.vocab),
        clips=len(prompts),
    )


def _told(clips: Sequence[ConditionedCodes], known: int, frames: int) -> Condition:
    """What is asked at the end of each prompt, held for all frames."""
    ends = [clip.condition.at(slice(known - 1, known)) for clip in clips]
    labels, values = torch.cat([c.labels for c in ends]), torch.cat([c.values for c in ends])
    return Condition(labels.expand(-1, frames), values.expand(-1, frames, -1))


def _bits(
    lm: TokenLM, codes: Int64[Tensor, "batch codebook frame"], condition: Condition
) -> Float[Tensor, "batch frame"]:
    likely = lm.logits(codes, condition).float().log_softmax(dim=-1)
    chosen = likely.gather(-1, codes[..., None].to(likely.device))[..., 0]
    return -chosen.mean(dim=1).cpu() / math.log(2)


def _copied(made: Sequence[Tensor], training: Sequence[Tensor], *, span: int, vocab: int) -> float | None:
    if not any(codes.shape[1] >= span for codes in training) or made[0].shape[1] < span:
        return None
    return copy_rate(made, training, span=span, vocab=vocab)
