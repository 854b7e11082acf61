"""The loop over any masked token model: gaps are filled in a few passes, the surest codes first.

After pass i of n, the cos(π i / 2 n) share of a gap's codes that were least sure is blank again, until none is:

    n = 4, 10 codes    10 blank → 9 → 7 → 3 → 0

How sure a code is: its log-probability, plus noise that fades over the passes, so that not only the most usual codes
come first. Every row of a batch has its own seed and is what it would be alone.

Source: arXiv:2202.04200, section 3.2; the noise is that of its published code.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from smalti.core import Condition, MaskedLM, ParameterError, Tokens
from smalti.generate.guidance import Guidance
from smalti.generate.loop import prompt_codes
from smalti.generate.sampling import Sampling, choose
from smalti.nn.modulation import require_condition


def generate_masked(
    lm: MaskedLM,
    condition: Condition,
    *,
    sampling: Sampling,
    seeds: Sequence[int],
    prompt: Tokens | None = None,
) -> Int64[Tensor, "batch codebook frame"]:
    """Codes of one sound per seed, as long as the condition; behind the prompt, if there is one.

    Arguments and errors as of `smalti.generate.generate`. A shorter sound is not the beginning of a longer one: what
    comes later is heard too.
    """
    require_condition(lm.schema, condition)
    frames = condition.labels.shape[1]
    if not frames:
        raise ParameterError("nothing is asked: the condition has no frame, wanted at least one")
    known = prompt_codes(lm.spec, prompt, len(seeds))
    gap = torch.full((len(seeds), lm.spec.codebooks, frames), lm.spec.vocab)
    first = torch.zeros(known.shape[2], dtype=torch.int64)
    asked = condition.at(torch.cat([first, torch.arange(frames)]))
    return fill(lm, torch.cat([known, gap], dim=2), asked, sampling=sampling, seeds=seeds)


def inpaint(
    lm: MaskedLM,
    tokens: Tokens,
    condition: Condition,
    *,
    frames: slice,
    sampling: Sampling,
    seeds: Sequence[int],
) -> Int64[Tensor, "batch codebook frame"]:
    """A sound with some frames made anew, once per seed; every other code stays what it is.

    Args:
        tokens: of one sound, or one for each seed.
        condition: of all frames of the sound, or one frame that holds for all.
        frames: to make anew, from 0.
    Raises:
        ParameterError, SpecError: before the model is called, if something does not fit it or the gap is not inside.
    """
    codes = prompt_codes(lm.spec, tokens, len(seeds)).clone()
    if not 0 <= frames.start < frames.stop <= codes.shape[2]:
        found = f"frames {frames.start} to {frames.stop}"
        raise ParameterError(f"found a gap of {found} in a sound of {codes.shape[2]}; choose one inside")
    codes[:, :, frames] = lm.spec.vocab
    return fill(lm, codes, condition, sampling=sampling, seeds=seeds)


@torch.inference_mode()
def fill(
    lm: MaskedLM,
    codes: Int64[Tensor, "batch codebook frame"],
    condition: Condition,
    *,
    sampling: Sampling,
    seeds: Sequence[int],
) -> Int64[Tensor, "batch codebook frame"]:
    """The same codes with every blank (code V) filled in; rows are blank in the same frames.

    Args:
        condition: of every frame, or of one, which then holds for all; one row for each seed or one for all.
    """
    require_condition(lm.schema, condition)
    batch, _, frames = codes.shape
    told, guidance = _spread(condition, batch, frames), Guidance(sampling, lm.schema)
    dice = [torch.Generator().manual_seed(seed) for seed in seeds]
    codes = codes.clone()
    while (blank := (codes == lm.spec.vocab).any(1).any(0)).any():
        window = next_window(blank, size=lm.window, overlap=sampling.filling.overlap)
        codes[:, :, window] = _filled(lm, codes[:, :, window], told.at(window), sampling, guidance, dice)
    return codes


def next_window(blank: Bool[Tensor, " frame"], *, size: int, overlap: float) -> slice:
    """Which frames to hear for the first gap: it in the middle if it fits, else its beginning behind what is known.

    Windows of 8, overlap 0.5, `?` blank: 12 frames `aaaa????bbbb` are heard from 2 to 10; `aaaa????????` from 0 to 8.
    """
    frames = len(blank)
    first = int(blank.nonzero()[0])
    known = (~blank[first:]).nonzero()
    gap = int(known[0]) if len(known) else frames - first
    most = frames - min(size, frames)
    before = (size - gap) // 2 if gap <= size * overlap and len(known) else round(size * overlap)
    start = min(max(0, first - before), most)
    return slice(start, start + min(size, frames))


def _filled(
    lm: MaskedLM,
    codes: Tensor,
    told: Condition,
    sampling: Sampling,
    guidance: Guidance,
    dice: Sequence[torch.Generator],
) -> Tensor:
    """One window."""
    filling, total = sampling.filling, (codes == lm.spec.vocab).sum((1, 2))
    for number in range(1, filling.passes + 1):
        logits = _guesses(lm, codes, told, guidance).float().cpu()
        chosen = choose(logits.flatten(1, 2), sampling, dice).view(codes.shape)
        blank = codes == lm.spec.vocab
        codes = torch.where(blank, chosen, codes)
        left = (total * math.cos(math.pi * number / (2 * filling.passes)) + 1e-9).floor().long()
        fading = filling.noise * (1 - number / filling.passes)
        sure = logits.log_softmax(-1).gather(-1, chosen[..., None])[..., 0].double()
        sure = sure + fading * torch.stack([_gumbel(codes.shape[1:], each) for each in dice])
        codes = torch.where(_least(sure, blank, left), lm.spec.vocab, codes)
    return codes


def _guesses(lm: MaskedLM, codes: Tensor, told: Condition, guidance: Guidance) -> Tensor:
    """Logits, as guidance pushes them."""
    return guidance.pushed(lm.fill(codes.repeat(guidance.times, 1, 1), guidance.asked(told)))


def _gumbel(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """-log e with e ~ Exp(1)."""
    return -torch.empty(tuple(shape), dtype=torch.float64).exponential_(generator=generator).log()


def _least(sure: Tensor, blank: Tensor, counts: Tensor) -> Tensor:
    """The `counts` least sure of the cells that were blank."""
    ranks = sure.masked_fill(~blank, math.inf).flatten(1).argsort(dim=1).argsort(dim=1)
    return (ranks < counts[:, None]).view(sure.shape) & blank


def _spread(condition: Condition, batch: int, frames: int) -> Condition:
    rows, known = condition.labels.shape
    if rows not in (1, batch) or known not in (1, frames):
        raise ParameterError(
            f"found a condition of {rows} rows and {known} frames, wanted 1 or {batch} rows, 1 or {frames} frames"
        )
    return condition.held(batch, frames)
