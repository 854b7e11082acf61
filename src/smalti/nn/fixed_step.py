"""One step of a stream with shapes that never change and its state in the open: what can be exported."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedStep:
    """A network `net(given, *state) -> (*made, *state)` without control flow that depends on data.

    Attributes:
        net: in evaluation mode.
        given: name of what it is given.
        example: of what it is given.
        late: of each thing that it makes, by how many samples it comes behind what it was given. Codes are those of a
            sound that begins so much later.
        state: by name, as it is at the beginning.
    """

    net: nn.Module
    given: str
    example: Tensor
    late: Mapping[str, int]
    state: Mapping[str, Tensor]


@runtime_checkable
class HasFixedSteps(Protocol):
    """A streaming codec that can be exported."""

    def fixed_steps(self) -> Mapping[str, FixedStep]:
        """Its `encoder`, the samples of a frame to codes [1, codebook, 1], and its `decoder`, the way back."""
        ...


def joined(encoder: FixedStep, decoder: FixedStep) -> FixedStep:
    """Both in one step: samples in, their codes and what these sound like out."""
    late = {**encoder.late, **{name: late + max(encoder.late.values()) for name, late in decoder.late.items()}}
    state = {f"{part}_{name}": value for part, one in _named(encoder, decoder) for name, value in one.state.items()}
    return FixedStep(
        net=_Joined(encoder, decoder).eval(), given=encoder.given, example=encoder.example, late=late, state=state
    )


def _named(encoder: FixedStep, decoder: FixedStep) -> tuple[tuple[str, FixedStep], ...]:
    return ("encoder", encoder), ("decoder", decoder)


class _Joined(nn.Module):
    def __init__(self, encoder: FixedStep, decoder: FixedStep) -> None:
        super().__init__()
        self.encoder, self.decoder, self.first = encoder.net, decoder.net, len(encoder.state)

    def forward(self, samples: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        codes, *heard = self.encoder(samples, *state[: self.first])
        sound, *sounded = self.decoder(codes, *state[self.first :])
        return (codes, sound, *heard, *sounded)
