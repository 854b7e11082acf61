"""Settings of the token language model: its sizes, what it is shown, and how it learns."""

from typing import Literal

from pydantic import Field

from smalti.config import Settings
from smalti.train import Cadence, EngineSettings
from smalti.train.token_settings import ShownConfig, TrainConfig


class ModelConfig(Settings):
    """A banded causal transformer over rows of codes."""

    pattern: Literal["parallel", "delay", "flat"] = Field(default="delay", description="how codes become rows")
    width: int = Field(default=192, gt=0, description="of the residual stream, a multiple of 2 x heads")
    layers: int = Field(default=3, gt=0)
    heads: int = Field(default=4, gt=0)
    window: int = Field(default=64, gt=0, description="rows that a row sees, itself included")
    condition_width: int = Field(default=64, gt=0, description="of the vector that labels and parameters become")
    modulation: Literal["adaln", "film"] = Field(default="adaln", description="how conditions enter each layer")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="share of each branch's output")


class SynthformerConfig(Settings):
    """All of a synthformer run."""

    system: Literal["synthformer"] = "synthformer"
    model: ModelConfig = ModelConfig()
    shown: ShownConfig = ShownConfig()
    train: TrainConfig = TrainConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings()
