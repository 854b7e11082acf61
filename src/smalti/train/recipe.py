"""What a system has to offer to be trained, and what it may offer besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Audio
from smalti.store import Weights


@dataclass(frozen=True, slots=True)
class Samples:
    """What a person wants to look at and listen to.

    Attributes:
        images: spectrograms by name, 0…1, row 0 the lowest band, column 0 the first frame.
        audio: single items by name, such as "piano/original" and "piano/reconstruction".
        counts: how often each of a number of kinds occurred, such as "code_hits"; shown as histograms.
    """

    images: Mapping[str, Float[Tensor, "band frame"]] = field(default_factory=dict)
    audio: Mapping[str, Audio] = field(default_factory=dict)
    counts: Mapping[str, Int64[Tensor, " kind"]] = field(default_factory=dict)


@runtime_checkable
class Recipe(Protocol):
    """How one system learns. The loop owns time; a recipe owns one step and its optimisers.

    The loop seeds torch from (seed, step) before each step, so dropout and the like need no generator.
    """

    def batch(self, step: int) -> Any:
        """The batch of a step, a pure function of (seed, step)."""
        ...

    def step(self, batch: Any, step: int) -> Mapping[str, float]:
        """Forward, backward, update; its metrics. A loss that is not finite must change nothing: see `update`."""
        ...

    def evaluate(self) -> Mapping[str, float]:
        """Metrics on what is kept out of training; changes nothing."""
        ...

    def state_dict(self) -> Mapping[str, Any]:
        """All that a resumed run needs: weights, optimisers, averages. Each top-level key becomes a file."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        ...

    def weights(self) -> Weights:
        """What inference needs, as it is kept in the run's weights.safetensors."""
        ...


@runtime_checkable
class ShowsSamples(Protocol):
    """A recipe with something to see or hear after each evaluation."""

    def samples(self) -> Samples: ...


@runtime_checkable
class NamesClips(Protocol):
    """A recipe that can say which clips a step saw, for the message when its loss is not finite."""

    def clips(self, step: int) -> Sequence[str]: ...


@runtime_checkable
class EndsEarly(Protocol):
    """A recipe that can say, after an evaluation, that going on is of no use."""

    @property
    def ended(self) -> bool: ...


@runtime_checkable
class BeginsElsewhere(Protocol):
    """A recipe that can begin with a part of what another run has learnt."""

    def part_of(self, run: Path) -> Weights:
        """The part it would take, with words about where it came from; changes nothing.

        Raises:
            StoreError, SpecError: if that run is none, not finished, or does not fit; names both.
        """
        ...

    def take(self, part: Weights) -> None:
        """Begin with it, before the first step."""
        ...
