"""What every quantiser is, so that codecs and recipes never ask which one they hold."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Quantized:
    """What a training pass gives.

    Attributes:
        vectors: the chosen code vectors; gradients pass straight through to the latents.
        codes: the choices.
        loss: the commitment, mean squared distance of latents to their code vectors, for the encoder only.
        codebook_loss: the same distance for the code vectors only, where they learn by gradient; else None.
        parts: what each of several codebooks in a row chose, straight through as well; None of other kinds.
    """

    vectors: Float[Tensor, "batch dim frame"]
    codes: Int64[Tensor, "batch codebook frame"]
    loss: Float[Tensor, ""]
    codebook_loss: Float[Tensor, ""] | None = None
    parts: Float[Tensor, "codebook batch dim frame"] | None = None


@runtime_checkable
class Quantizer(Protocol):
    """Latent vectors to codes and back. All that it has learned is in its `state_dict`."""

    @property
    def codebooks(self) -> int: ...
    @property
    def vocab(self) -> int: ...

    def start(self, latents: Float[Tensor, "batch dim frame"]) -> None:
        """Place the code vectors among real latents, once, before the first training pass."""
        ...

    def forward(self, latents: Float[Tensor, "batch dim frame"], *, restart_below: float = 0.0) -> Quantized:
        """Quantise and, in training mode, learn; codes used less than `restart_below` × uniform usage start anew."""
        ...

    def encode(self, latents: Float[Tensor, "batch dim frame"]) -> Int64[Tensor, "batch codebook frame"]: ...
    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]: ...
