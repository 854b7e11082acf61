"""Settings of the models over a mel codec's token grid: which kind, its sizes, and how it learns."""

from typing import Annotated, Literal

from pydantic import Field

from smalti.config import Settings
from smalti.train import Cadence, EngineSettings
from smalti.train.token_settings import ShownConfig, TrainConfig


class NetConfig(Settings):
    """Sizes of a transformer, as every kind of model here has them."""

    width: int = Field(default=192, gt=0, description="of the residual stream, a multiple of 2 x heads")
    layers: int = Field(default=4, gt=0)
    heads: int = Field(default=4, gt=0)
    window: int = Field(default=265, gt=0, description="rows that a row sees, itself included")
    condition_width: int = Field(default=64, gt=0, description="of the vector that labels and parameters become")
    modulation: Literal["adaln", "film"] = Field(default="adaln", description="how conditions enter each layer")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="share of each branch's output")


class GPTConfig(NetConfig):
    """Code after code, from the first to the last."""

    kind: Literal["gpt"] = "gpt"
    pattern: Literal["parallel", "delay", "flat"] = Field(
        default="flat", description="how codes become rows: flat hears every code before it, delay is the fast mode"
    )
    positions: Literal["rotary", "factorised"] = Field(
        default="rotary", description="one number for each row, or two: its frame, and its place in it (flat only)"
    )


class MaskedConfig(NetConfig):
    """All codes at once, in a few passes, hearing both sides."""

    kind: Literal["masked"] = "masked"
    window: int = Field(default=53, gt=0, description="frames that the model hears at once")


ModelConfig = Annotated[GPTConfig | MaskedConfig, Field(discriminator="kind")]


class MelGPTConfig(Settings):
    """All of a melgpt run."""

    system: Literal["melgpt"] = "melgpt"
    model: ModelConfig = GPTConfig()
    shown: ShownConfig = ShownConfig(crop=53)
    train: TrainConfig = TrainConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings()
