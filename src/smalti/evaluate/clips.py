"""From requests to sound: what a model writes, a few hundred at a time, and how it sounds, a few at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from smalti.evaluate.plan import Request, condition_of
from smalti.evaluate.sounding import Sounding, Written
from smalti.nn.threads import spread

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class GeneratedClip:
    """A request and what came of it: codes or mel frames, and their sound."""

    request: Request
    written: Written
    samples: Float[Tensor, " sample"]


def write_clips(
    model: Sounding, requests: Sequence[Request], *, frames: int, rows: int, progress: Progress
) -> list[Written]:
    """What a model writes for every request, `rows` requests in a batch; labels mix freely."""
    found: list[Tensor] = []
    for first in range(0, len(requests), rows):
        some = requests[first : first + rows]
        condition = condition_of(some, schema=model.schema, frames=frames)
        found.extend(model.write(condition, seeds=[request.seed for request in some]))
        progress("generate", len(found), len(requests))
    return found


def sound_clips(
    model: Sounding, written: Sequence[Written], *, rows: int, progress: Progress
) -> list[Float[Tensor, " _"]]:
    """Sound of what is equally long; few rows at a time, for large batches fall out of a processor's cache."""
    return _grouped(model.sound, written, rows=rows, told=lambda done: progress("decode", done, len(written)))


def round_trip(
    model: Sounding, clips: Sequence[Float[Tensor, " _"]], *, rows: int, progress: Progress
) -> list[Float[Tensor, " _"]]:
    """Real clips through what makes a model sound: the best that any model of its kind can sound like."""
    return _grouped(model.round_trip, clips, rows=rows, told=lambda done: progress("ceiling", done, len(clips)))


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
