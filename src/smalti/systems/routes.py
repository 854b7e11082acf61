"""Which sounds lie on the way from each recording to the next, and what became of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from smalti.core import ParameterError
from smalti.generate import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way from each recording to the next.

    Attributes:
        steps: sounds on it, both ends included.
        way: an arc ("slerp": a model's, if nothing is said) or a line ("linear": a codec's) between latents; or, of a
            codec, "shift": the first recording with its latents moved alike, until their mean is that of the next.
        glide: of a codec: one sound that goes all the way while it plays, in place of steps.
        quantized: of a codec: latents are heard by their nearest codes, as tokens would be.
        data: of a codec: a manifest, whose labels may stand for recordings: the mean of all that have it.
        by: its column, in place of label.
    """

    steps: int = 5
    way: Way | Literal["shift"] | None = None
    glide: bool = False
    quantized: bool = True
    data: Path | None = None
    by: str = "label"

    def __post_init__(self) -> None:
        if self.steps < 2:
            raise ParameterError(f"found {self.steps} steps, wanted the two ends at least; give 2 or more")

    @property
    def asks_for_a_codec(self) -> bool:
        """Whether anything is said that only a codec's latents can do."""
        return self.way == "shift" or self.glide or self.data is not None or not self.quantized

    def line(self, usual: Way) -> Way:
        """Along what latents, or what they have in common, move."""
        return usual if self.way is None or self.way == "shift" else self.way

    def legs(self, ends: int) -> list[tuple[int, float]]:
        """Every step as the end that it comes from and the share (0…1) of the way to the next; each end once."""
        onwards = [(end, step / (self.steps - 1)) for end in range(ends - 1) for step in range(1, self.steps)]
        return [(0, 0.0), *onwards]

    def paths(self, to: Path, ends: int) -> tuple[Path, ...]:
        """Where the sounds go."""
        return tuple(to / f"step-{number}.wav" for number in range(1, len(self.legs(ends)) + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What was written: where, shares of the way, seconds of sound, and recordings of labels that failed."""

    paths: tuple[Path, ...]
    shares: tuple[float, ...]
    seconds: float
    failed: tuple[dict[str, str], ...] = ()
