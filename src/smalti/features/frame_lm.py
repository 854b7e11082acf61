"""What continues log-mel pictures frame by frame, as an ability: a language model whose words are frames, not codes.

A frame of NaN stands for what is not there: the start before every history, and padding behind an item's own frames.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Condition, Schema
from smalti.features.mel import MelSettings


@dataclass(frozen=True, slots=True)
class FrameGuess:
    """What is believed of each frame: one of K components, and given that, a normal number for each band.

    Levels are log-mel, 0…1; what a normal number has below 0 or above 1 is heard as 0 or 1, as the picture is clipped.

    Attributes:
        weights: of the components, as logits.
        means: of the levels.
        deviations: of the levels; 0 where nothing but the mean is believed.
    """

    weights: Float[Tensor, "batch frame component"]
    means: Float[Tensor, "batch frame component band"]
    deviations: Float[Tensor, "batch frame component band"]

    def at(self, frames: slice) -> "FrameGuess":
        """The same for some frames only."""
        return FrameGuess(self.weights[:, frames], self.means[:, frames], self.deviations[:, frames])

    def items(self, rows: slice) -> "FrameGuess":
        """The same for some items of the batch only."""
        return FrameGuess(self.weights[rows], self.means[rows], self.deviations[rows])


@runtime_checkable
class FrameStepper(Protocol):
    """A batch of histories, one per item, read frame by frame; a step costs the same however long they are."""

    def step(self, frames: Float[Tensor, "batch band frame"], condition: Condition) -> FrameGuess:
        """Hear the next frames (one, or a prompt's many) and guess what follows each of them.

        The first frame of a history is NaN: the start. `condition` is asked of the guessed frames.
        """
        ...

    def reset(self, rows: Int64[Tensor, " chosen"]) -> None:
        """Forget the history of these items of the batch; the others go on."""
        ...


@runtime_checkable
class FrameLM(Protocol):
    """Continues log-mel pictures of one kind under conditions of one schema."""

    @property
    def picture(self) -> MelSettings: ...
    @property
    def schema(self) -> Schema: ...
    def guess(self, frames: Float[Tensor, "batch band frame"], condition: Condition) -> FrameGuess:
        """What is believed of every frame given all frames before it; a condition of one frame holds for all."""
        ...

    def stepper(self, batch: int) -> FrameStepper: ...
