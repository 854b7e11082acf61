"""Settings of the language model of frames: its picture, its sizes, what it is shown, and how it learns."""

from typing import Literal

from pydantic import Field

from smalti.config import Settings
from smalti.train import Cadence, EngineSettings
from smalti.train.token_settings import TrainConfig


class ModelConfig(Settings):
    """A banded causal transformer over log-mel frames."""

    picture: str = Field(default="wide", description="name in smalti.features.MEL_PRESETS")
    head: Literal["mixture", "regression"] = Field(
        default="mixture", description="how likely every next frame is, or the one value that is least wrong"
    )
    components: int = Field(default=12, gt=0, description="of the mixture")
    width: int = Field(default=192, gt=0, description="of the residual stream, a multiple of 2 x heads")
    layers: int = Field(default=3, gt=0)
    heads: int = Field(default=4, gt=0)
    window: int = Field(default=96, gt=0, description="frames that a frame sees, itself included")
    condition_width: int = Field(default=64, gt=0, description="of the vector that labels and parameters become")
    modulation: Literal["adaln", "film"] = Field(default="adaln", description="how conditions enter each layer")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="share of each branch's output")


class ShownConfig(Settings):
    """What a step is shown, and what is kept from it so that the model does not learn its clips by heart."""

    batch: int = Field(default=12, gt=0, description="clips of a step and process")
    crop: int = Field(default=112, gt=0, description="frames of each; of shorter clips all")
    corruption_db: float = Field(default=2.0, ge=0, description="most noise added to the frames that a row hears")
    condition_dropout: float = Field(
        default=0.1, ge=0, le=1, description="chance that a field is not told, for guidance"
    )
    memory: int = Field(default=1024, ge=0, description="MiB of waveforms kept; more are read at every step")


class MelformerConfig(Settings):
    """All of a melformer run."""

    system: Literal["melformer"] = "melformer"
    model: ModelConfig = ModelConfig()
    shown: ShownConfig = ShownConfig()
    train: TrainConfig = TrainConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings()
