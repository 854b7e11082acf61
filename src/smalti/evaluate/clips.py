"""From requests to sound: tokens of a model, a few hundred at a time, and their sound, a few at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Audio, Codec, Condition, Schema, Tokens
from smalti.evaluate.plan import Request, condition_of

Progress = Callable[[str, int, int], None]


@runtime_checkable
class Generate(Protocol):
    """Codes as long as a condition, one seed a row: `functools.partial(smalti.generate.generate, lm, sampling=…)`."""

    def __call__(self, condition: Condition, *, seeds: Sequence[int]) -> Int64[Tensor, "batch codebook frame"]: ...


@dataclass(frozen=True, slots=True)
class GeneratedClip:
    """A request and what came of it."""

    request: Request
    codes: Int64[Tensor, "codebook frame"]
    samples: Float[Tensor, " sample"]


@torch.no_grad()
def generate_codes(
    generate: Generate, requests: Sequence[Request], *, schema: Schema, frames: int, rows: int, progress: Progress
) -> list[Int64[Tensor, "codebook _"]]:
    """Codes of every request, `rows` requests in a batch; labels mix freely."""
    found: list[Tensor] = []
    for first in range(0, len(requests), rows):
        some = requests[first : first + rows]
        condition = condition_of(some, schema=schema, frames=frames)
        found.extend(generate(condition, seeds=[request.seed for request in some]).cpu())
        progress("generate", len(found), len(requests))
    return found


@torch.no_grad()
def decode_clips(
    codec: Codec, codes: Sequence[Int64[Tensor, "codebook _"]], *, rows: int, progress: Progress
) -> list[Float[Tensor, " _"]]:
    """Sound of codes of one length; few rows at a time, for large batches fall out of a processor's cache."""
    found: list[Tensor] = []
    for first in range(0, len(codes), rows):
        batch = torch.stack(list(codes[first : first + rows]))
        lengths = torch.full((len(batch),), batch.shape[2] * codec.spec.hop)
        found.extend(codec.decode(Tokens(batch, codec.spec, lengths)).samples.cpu())
        progress("decode", len(found), len(codes))
    return found


@torch.no_grad()
def round_trip(
    codec: Codec, clips: Sequence[Float[Tensor, " _"]], *, rows: int, progress: Progress
) -> list[Float[Tensor, " _"]]:
    """Real clips through the codec: the best that any model of its tokens can sound like."""
    found: list[Tensor] = []
    for first in range(0, len(clips), rows):
        audio = Audio.batch(Audio.single(clip, codec.spec.sample_rate) for clip in clips[first : first + rows])
        found.extend(row.samples[0].cpu() for row in codec.decode(codec.encode(audio)).items())
        progress("ceiling", len(found), len(clips))
    return found
