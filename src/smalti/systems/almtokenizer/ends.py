"""What both ends of the codec are: samples to frames, and frames to samples, whole or block by block."""

from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int64
from torch import Tensor

Past = tuple[Tensor, ...]
"""What an end remembers from one block to the next: tensors of shapes that never change, so an exported step can name
each of them."""


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

    def step(
        self, samples: Float[Tensor, "batch sample"], past: Past | None = None
    ) -> tuple[Float[Tensor, "batch frame dim"], Past]:
        """The next frames of a stream, and what the next call needs.

        Worked example, hop 2 and ahead 3; frame k hears up to sample 2k + 4:

            step(0 1 2 | 3 4 5 6, None)  -> frames 0 1        step(7 8, past)  -> frame 2

        Args:
            samples: a whole number of hops; the first call takes `ahead` samples more, in front.
            past: what the last call gave; None at the beginning, before which there was silence.
        """
        ...


@runtime_checkable
class Back(Protocol):
    """Frames to samples (UnPatchify).

    Attributes:
        hop: samples of a frame.
        dim: numbers of a frame.
        delay: samples by which sound comes behind its frames: sample n needs the frames up to (n + delay) // hop.
    """

    hop: int
    dim: int
    delay: int

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

    def step(
        self,
        frames: Float[Tensor, "batch frame dim"],
        hidden: Float[Tensor, "batch frame width"] | None = None,
        past: Past | None = None,
        present: Bool[Tensor, "batch frame"] | None = None,
    ) -> tuple[Float[Tensor, "batch sample"], Past]:
        """hop samples for each frame, which lie `delay` samples before the frames' own, and what the next call needs.

        The first `delay` samples of a stream lie before its beginning and are to be dropped; its last ones come with
        frames that are not present.

        Args:
            frames, hidden: as of `forward`.
            past: what the last call gave; None at the beginning, before which no frames were.
            present: which frames are there; None if all are.
        """
        ...
