"""The loop over any language model of mel frames: frames out, one by one, for as long as one likes.

Every row of a batch has its own seed and its own condition, and is what it would be alone, within the rounding of its
levels. What is asked later never changes what came before.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from smalti.core import Condition, ParameterError
from smalti.features import FrameGuess, FrameLM
from smalti.generate.guidance import Guidance
from smalti.generate.loop import asker, frames_of
from smalti.generate.sampling import Sampling, choose

Known = Float[Tensor, "known band heard"]


def generate_frames(
    lm: FrameLM, condition: Condition, *, sampling: Sampling, seeds: Sequence[int], prompt: Known | None = None
) -> Float[Tensor, "batch band frame"]:
    """Log-mel (0…1) of one sound per seed, as long as the condition; behind the prompt, if there is one.

    Args:
        lm: any language model of frames.
        condition: one row for each seed, or one for all; what is asked of every NEW frame.
        sampling: how levels are drawn: its temperature and guidance. Its filters are for codes: of the few components
            of a frame the rare ones are the events.
        seeds: one for each row.
        prompt: frames to continue, one row for each seed or one for all; they come first, unchanged, and while the
            model listens to them it is told what is asked of the first new frame.
    Raises:
        ParameterError: before the model is called, if condition or prompt do not fit it.
    """
    new = frames_of(
        lm.schema,
        condition,
        lambda asked, last: stream_frames(lm, asked, sampling=sampling, seeds=seeds, prompt=prompt, last=last),
    )
    return new if prompt is None else torch.cat([_prompt(lm, prompt, len(seeds)), new], dim=2)


def stream_frames(
    lm: FrameLM,
    condition_at: Callable[[int], Condition],
    *,
    sampling: Sampling | Callable[[], Sampling],
    seeds: Sequence[int],
    prompt: Known | None = None,
    last: int | None = None,
) -> Iterator[Float[Tensor, "batch band"]]:
    """New frames without end, each at the same cost; arguments and errors as of `generate_frames`.

    Args:
        condition_at: what is asked of a new frame (one frame, one row for each seed or one for all), asked in order: a
            live knob may answer anew.
        sampling: asked anew for every frame, if it is a function; guidance may then move if it is not 1 at first.
        last: the last frame that `condition_at` knows; it holds for all frames behind it.
    """
    known = _prompt(lm, prompt, len(seeds))
    asked = asker(lm.schema, condition_at, batch=len(seeds), last=last)
    asked(0)
    now = sampling if callable(sampling) else lambda: sampling
    guess = _guesser(lm, now, len(seeds))
    return _frames(guess, asked, now, [torch.Generator().manual_seed(seed) for seed in seeds], known)


def draw(
    guess: FrameGuess, sampling: Sampling, generators: Sequence[torch.Generator]
) -> Float[Tensor, "batch band frame"]:
    """One frame of each guess of one frame, each row with its own generator.

    Temperature multiplies the variances; at 0 nothing is random, and it is the mean of the likeliest component.
    Differs: p^(1/τ) would sharpen the weights as well, and events, which are rare, would stay out.
    """
    among = Sampling(temperature=1.0 if sampling.temperature > 0 else 0.0, top_p=1.0)
    chosen = choose(guess.weights, among, generators)
    rows = torch.arange(len(chosen), device=chosen.device)
    levels, deviations = guess.means[rows, 0, chosen[:, 0]], guess.deviations[rows, 0, chosen[:, 0]]
    if sampling.temperature > 0:
        dice = torch.stack([torch.randn(levels.shape[1], generator=generator) for generator in generators])
        levels = levels + sampling.temperature**0.5 * deviations * dice.to(levels)
    return levels.clamp(0, 1)[:, :, None]


def _frames(
    guess: Callable[[Tensor, Condition], FrameGuess],
    asked: Callable[[int], Condition],
    sampling: Callable[[], Sampling],
    generators: list[torch.Generator],
    known: Tensor,
) -> Iterator[Tensor]:
    heard = functional.pad(known, (1, 0), value=float("nan"))
    for frame in count():
        heard = draw(guess(heard, asked(frame)), sampling(), generators).cpu()
        yield heard[:, :, 0]


def _guesser(lm: FrameLM, sampling: Callable[[], Sampling], batch: int) -> Callable[[Tensor, Condition], FrameGuess]:
    """What is believed of the frame behind some; guidance pushes weights and means, spread is what was asked for."""
    first = Guidance(sampling(), lm.schema)
    stepper = lm.stepper(first.times * batch)

    def guess(heard: Tensor, asked: Condition) -> FrameGuess:
        guidance = first.at(sampling().guidance)
        told = guidance.asked(asked).held(guidance.times * batch, heard.shape[2])
        found = stepper.step(heard.repeat(guidance.times, 1, 1), told).at(slice(-1, None))
        deviations = found.items(slice(0, batch)).deviations
        return FrameGuess(guidance.pushed(found.weights), guidance.pushed(found.means), deviations)

    return guess


def _prompt(lm: FrameLM, prompt: Tensor | None, batch: int) -> Float[Tensor, "_ band heard"]:
    """Frames of a prompt for each row of a batch; none if there is none."""
    if prompt is None:
        return torch.zeros(batch, lm.picture.bands, 0)
    if prompt.shape[0] not in (1, batch) or prompt.shape[1] != lm.picture.bands:
        found = f"prompts of shape {tuple(prompt.shape)}"
        raise ParameterError(
            f"found {found}, wanted 1 or {batch} of {lm.picture.bands} bands; draw the model's picture"
        )
    if not bool(((prompt >= 0) & (prompt <= 1)).all()):
        raise ParameterError("levels of the prompt lie outside 0…1 or are NaN; draw the model's picture")
    return prompt.expand(batch, -1, -1)
