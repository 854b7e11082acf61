"""What both ends of the codec are: samples to frames, and frames to samples."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor


@runtime_checkable
class Front(Protocol):
    """Samples to frames (Patchify).

    Attributes:
        hop: samples of a frame.
        dim: numbers of a frame.
        ahead: samples behind a frame's own that it hears.
    """

    hop: int
    dim: int
    ahead: int

    def forward(self, samples: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch frame dim"]:
        """A frame for each whole hop; silence beyond the ends."""
        ...


@runtime_checkable
class Back(Protocol):
    """Frames to samples (UnPatchify).

    Attributes:
        hop: samples of a frame.
        dim: numbers of a frame.
        ahead: frames behind a sample's own that it depends on.
    """

    hop: int
    dim: int
    ahead: int

    def forward(
        self,
        frames: Float[Tensor, "batch frame dim"],
        hidden: Float[Tensor, "batch frame width"] | None = None,
        lengths: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch sample"]:
        """hop samples for each frame.

        Args:
            frames: as a front gives them, or as the decoder guesses them.
            hidden: what the decoder knows beside its guess; None if there was none.
            lengths: frames of each item; those behind are not there and change nothing.
        """
        ...
