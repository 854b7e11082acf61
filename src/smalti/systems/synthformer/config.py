"""Settings of the token language model: its sizes, what it is shown, and how it learns."""

from typing import Literal

from pydantic import Field

from smalti.config import Settings
from smalti.train import Cadence, EngineSettings
from smalti.train.token_settings import ShownConfig, TrainConfig


class ModelConfig(Settings):
    """A banded causal transformer over rows of codes; of pattern depth over frames, with a cell along their codes."""

    pattern: Literal["parallel", "delay", "flat", "depth"] = Field(default="delay", description="how codes become rows")
    width: int = Field(default=192, gt=0, description="of the residual stream, a multiple of 2 x heads")
    layers: int = Field(default=3, gt=0)
    heads: int = Field(default=4, gt=0)
    window: int = Field(default=64, gt=0, description="rows that a row sees, itself included")
    condition_width: int = Field(default=64, gt=0, description="of the vector that labels and parameters become")
    modulation: Literal["adaln", "film"] = Field(default="adaln", description="how conditions enter each layer")
    hidden: int = Field(default=0, ge=0, description="width within the feed-forward branches; 0 is about 8/3 of width")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="share of each branch's output")
    depth_width: int = Field(default=128, gt=0, description="of the cell of pattern depth; other patterns have none")


class SynthformerConfig(Settings):
    """All of a synthformer run."""

    system: Literal["synthformer"] = "synthformer"
    model: ModelConfig = ModelConfig()
    shown: ShownConfig = ShownConfig()
    train: TrainConfig = TrainConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings()
