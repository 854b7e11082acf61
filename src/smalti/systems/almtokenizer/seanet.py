"""The published ends: EnCodec's convolutions, which learn what a frame is. Causal: no look-ahead, and lengths change
nothing.
"""

from collections.abc import Sequence

from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from smalti.nn.seanet import Past, SeanetDecoder, SeanetEncoder, SeanetSizes
from smalti.systems.almtokenizer.config import SeanetEndsConfig


class SeanetFront(nn.Module):
    """Samples to frames.

    Attributes:
        hop, dim, ahead: as of `Front`.
    """

    def __init__(self, config: SeanetEndsConfig) -> None:
        super().__init__()
        self.net = SeanetEncoder(sizes := seanet_sizes(config))
        self.hop, self.dim, self.ahead = sizes.hop, sizes.dim, 0

    def forward(self, samples: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch frame dim"]:
        """A frame for each whole hop."""
        return self.step(samples[:, : samples.shape[1] // self.hop * self.hop])[0]

    def step(
        self, samples: Float[Tensor, "batch sample"], past: Sequence[Tensor] | None = None
    ) -> tuple[Float[Tensor, "batch frame dim"], Past]:
        """Frames of the next samples, a multiple of the hop, and what the next call needs."""
        frames, past = self.net.step(samples[:, None], past)
        return frames.mT, past


class SeanetBack(nn.Module):
    """Frames to samples; all that it hears are frames, so that what it learnt with the front alone stays true.

    Attributes:
        hop, dim, delay: as of `Back`.
    """

    def __init__(self, config: SeanetEndsConfig) -> None:
        super().__init__()
        self.net = SeanetDecoder(sizes := seanet_sizes(config))
        self.hop, self.dim, self.delay = sizes.hop, sizes.dim, 0

    def forward(
        self,
        frames: Float[Tensor, "batch frame dim"],
        hidden: Float[Tensor, "batch frame width"] | None = None,
        lengths: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch sample"]:
        """hop samples for each frame."""
        return self.step(frames, hidden)[0]

    def step(
        self,
        frames: Float[Tensor, "batch frame dim"],
        hidden: Float[Tensor, "batch frame width"] | None = None,
        past: Sequence[Tensor] | None = None,
        present: Bool[Tensor, "batch frame"] | None = None,
    ) -> tuple[Float[Tensor, "batch sample"], Past]:
        """Samples of the next frames, and what the next call needs."""
        samples, past = self.net.step(frames.mT, past)
        return samples[:, 0], past


def levelled(front: SeanetFront, back: SeanetBack, levels: Float[Tensor, " dim"]) -> dict[str, Tensor]:
    """Their tensors, by the names of a whole net, with each number of a frame divided by its level.

    What both make of a sound together stays as it is: the front's last layer is linear, and so is the back's first.
    """
    state = {f"front.{name}": value for name, value in front.state_dict().items()}
    state |= {f"back.{name}": value for name, value in back.state_dict().items()}
    for name in ("front.net.last.weight", "front.net.last.bias"):
        state[name] = state[name] / levels.view(-1, *[1] * (state[name].ndim - 1))
    state["back.net.first.weight"] = state["back.net.first.weight"] * levels[:, None]
    return state


def seanet_sizes(config: SeanetEndsConfig) -> SeanetSizes:
    """The house's SEANet at these sizes."""
    return SeanetSizes(
        dim=config.dim,
        filters=config.filters,
        ratios=config.ratios,
        kernel=config.kernel,
        residual_kernel=config.residual_kernel,
        lstm=config.lstm,
    )
