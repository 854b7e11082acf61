"""The loop over any token language model: rows in the model's pattern, frames out, for as long as one likes.

Every row of a batch has its own seed and its own condition, and is what it would be alone. What is asked later never
changes what came before: a shorter sound is the beginning of a longer one.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

from smalti.core import Condition, LatentLM, ParameterError, Schema, TokenLM, Tokens, TokenSpec
from smalti.generate.guidance import Guidance
from smalti.generate.sampling import Sampling, choose
from smalti.nn.modulation import require_condition
from smalti.patterns import find_pattern


def generate(
    lm: TokenLM, condition: Condition, *, sampling: Sampling, seeds: Sequence[int], prompt: Tokens | None = None
) -> Int64[Tensor, "batch codebook frame"]:
    """Codes of one sound per seed, as long as the condition; behind the prompt, if there is one.

    Args:
        lm: any token language model; of one whose clips have latents, each seed draws its own from the prior.
        condition: one row for each seed, or one for all; what is asked of every NEW frame.
        sampling: how codes are chosen.
        seeds: one for each row.
        prompt: tokens to continue, one row for each seed or one for all; its codes come first, unchanged, and while
            the model listens to them it is told what is asked of the first new frame.
    Raises:
        ParameterError, SpecError: before the model is called, if condition or prompt do not fit it.
    """
    new = frames_of(
        lm.schema,
        condition,
        lambda asked, last: stream(lm, asked, sampling=sampling, seeds=seeds, prompt=prompt, last=last),
    )
    return new if prompt is None else torch.cat([prompt_codes(lm.spec, prompt, len(seeds)), new], dim=2)


def stream(
    lm: TokenLM,
    condition_at: Callable[[int], Condition],
    *,
    sampling: Sampling | Callable[[], Sampling],
    seeds: Sequence[int],
    prompt: Tokens | None = None,
    last: int | None = None,
) -> Iterator[Int64[Tensor, "batch codebook"]]:
    """New frames without end, each at the same cost; arguments and errors as of `generate`.

    Args:
        condition_at: what is asked of a new frame (one frame, one row for each seed or one for all). It is called in
            order, for each row of the pattern that begins or goes on with the frame: a live knob may answer anew.
        sampling: asked anew for every row, if it is a function; guidance may then move if it is not 1 at first.
        last: the last frame that `condition_at` knows; it holds for all frames behind it.
    """
    heard = prompt_codes(lm.spec, prompt, len(seeds))
    if isinstance(lm, LatentLM):
        lm = lm.at(lm.prior(seeds))
    asked = asker(lm.schema, condition_at, batch=len(seeds), last=last)
    asked(0)
    now = sampling if callable(sampling) else lambda: sampling
    guess = _guesser(lm, now, len(seeds))
    return _frames(lm, asked, now, guess, [torch.Generator().manual_seed(seed) for seed in seeds], heard)


def _frames(
    lm: TokenLM,
    asked: Callable[[int], Condition],
    sampling: Callable[[], Sampling],
    guess: Callable[[Tensor, Condition], Tensor],
    generators: list[torch.Generator],
    heard: Tensor,
) -> Iterator[Tensor]:
    pattern, codebooks, blank = find_pattern(lm.pattern), lm.spec.codebooks, lm.spec.vocab
    stride, known = pattern.stride(codebooks), heard.shape[2]
    waits = [pattern.delay * codebook for codebook in range(codebooks)]
    recent: deque[Tensor] = deque(maxlen=waits[-1] + 1)
    rows = torch.nn.functional.pad(pattern.rows(heard, blank)[:, :, : stride * known], (1, 0), value=blank)
    for row in count(stride * known):
        logits = guess(rows, asked(row // stride - known))
        held = [codebook for codebook, wait in enumerate(waits) if (row - wait) % stride == 0]
        part = slice(held[0], held[-1] + 1)  # all codebooks, or the one whose turn it is
        chosen = choose(logits[:, part], sampling(), generators).cpu()
        chosen = torch.nn.functional.pad(chosen, (part.start, codebooks - part.stop), value=blank)
        for codebook in held:
            frame = (row - waits[codebook]) // stride
            if frame < known:
                chosen[:, codebook] = heard[:, codebook, frame] if frame >= 0 else blank
        recent.append(chosen)
        frame, off = divmod(row - waits[-1], stride)
        if frame >= known and not off:
            yield torch.stack([recent[wait][:, codebook] for codebook, wait in enumerate(waits)], dim=1)
        rows = chosen[:, :, None]


def _guesser(lm: TokenLM, sampling: Callable[[], Sampling], batch: int) -> Callable[[Tensor, Condition], Tensor]:
    """Logits of the row behind some rows."""
    first = Guidance(sampling(), lm.schema)
    stepper = lm.stepper(first.times * batch)

    def guess(rows: Tensor, asked: Condition) -> Tensor:
        guidance = first.at(sampling().guidance)
        told = guidance.asked(asked).held(guidance.times * batch, rows.shape[2])
        heard = rows if guidance.times == 1 else rows.repeat(guidance.times, 1, 1)
        return guidance.pushed(stepper.step(heard, told)[:, :, -1])

    return guess


def frames_of(
    schema: Schema,
    condition: Condition,
    begin: Callable[[Callable[[int], Condition], int], Iterator[Tensor]],
) -> Shaped[Tensor, "batch codebook_or_band frame"]:
    """As many new frames as a condition has.

    Args:
        schema: of the model.
        condition: what is asked of each of them.
        begin: makes a stream of frames, of what is asked of each and of the last frame that is told of.
    Raises:
        ParameterError: before anything is made, if nothing is asked or the condition is of another schema.
    """
    require_condition(schema, condition)
    last = condition.labels.shape[1] - 1
    if last < 0:
        raise ParameterError("nothing is asked: the condition has no frame, wanted at least one")
    frames = begin(lambda t: condition.at(slice(t, t + 1)), last)
    return torch.stack(list(islice(frames, last + 1)), dim=2)


def asker(
    schema: Schema, condition_at: Callable[[int], Condition], *, batch: int, last: int | None
) -> Callable[[int], Condition]:
    """What is asked of a new frame, for every row of a batch and checked; arguments and errors as of `stream`."""

    def asked(frame: int) -> Condition:
        condition = condition_at(max(0, frame if last is None else min(frame, last)))
        require_condition(schema, condition)
        rows, frames = condition.labels.shape
        if rows not in (1, batch) or frames != 1:
            raise ParameterError(
                f"found a condition of {rows} rows and {frames} frames, wanted 1 or {batch} rows, 1 frame"
            )
        return condition.held(batch, 1)

    return asked


def prompt_codes(spec: TokenSpec, prompt: Tokens | None, batch: int) -> Int64[Tensor, "batch codebook frame"]:
    """Codes of a prompt for each row of a batch; of no frame if there is none.

    Raises:
        SpecError: if they are another tokenizer's.
        ParameterError: if there is not one for each row or one for all, all of one length.
    """
    if prompt is None:
        return torch.zeros(batch, spec.codebooks, 0, dtype=torch.int64)
    spec.require(prompt.spec, "the prompt's tokens")
    lengths = sorted(set(prompt.frames.tolist()))
    if prompt.codes.shape[0] not in (1, batch) or len(lengths) != 1:
        found = f"{prompt.codes.shape[0]} prompts of {lengths} frames"
        raise ParameterError(f"found {found}, wanted 1 or {batch} of one length; cut them first")
    return prompt.codes[:, :, : lengths[0]].expand(batch, -1, -1)
