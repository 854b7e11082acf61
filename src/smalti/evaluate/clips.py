"""From requests to sound: tokens of a model, a few hundred at a time, and their sound, a few at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Audio, Codec, Condition, Schema, Tokens
from smalti.evaluate.plan import Request, condition_of
from smalti.nn.threads import spread

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
    spec = codec.spec

    def decode(group: Sequence[Tensor]) -> list[Tensor]:
        batch = torch.stack(list(group))
        lengths = torch.full((len(batch),), batch.shape[2] * spec.hop)
        return list(codec.decode(Tokens(batch, spec, lengths)).samples.cpu())

    return _grouped(decode, codes, rows=rows, told=lambda done: progress("decode", done, len(codes)))


@torch.no_grad()
def round_trip(
    codec: Codec, clips: Sequence[Float[Tensor, " _"]], *, rows: int, progress: Progress
) -> list[Float[Tensor, " _"]]:
    """Real clips through the codec: the best that any model of its tokens can sound like."""
    rate = codec.spec.sample_rate

    def there_and_back(group: Sequence[Tensor]) -> list[Tensor]:
        audio = Audio.batch(Audio.single(clip, rate) for clip in group)
        return [row.samples[0].cpu() for row in codec.decode(codec.encode(audio)).items()]

    return _grouped(there_and_back, clips, rows=rows, told=lambda done: progress("ceiling", done, len(clips)))


def _grouped(
    work: Callable[[Sequence[Tensor]], list[Tensor]],
    items: Sequence[Tensor],
    *,
    rows: int,
    told: Callable[[int], None],
) -> list[Tensor]:
    """Work on groups of rows, in order, a group a processor."""
    found: list[Tensor] = []
    for results in spread(work, [items[first : first + rows] for first in range(0, len(items), rows)]):
        found.extend(results)
        told(len(found))
    return found
