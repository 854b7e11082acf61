"""Settings of clusters: whose frames, how many, and of how much sound."""

from typing import Literal

from pydantic import Field

from smalti.config import Settings
from smalti.train import Cadence, EngineSettings


class ModelConfig(Settings):
    """What is clustered."""

    encoder: str = Field(
        default="log-mel", description="log-mel, a run that hears in vectors, or a folder of `transformers`"
    )
    layer: int | None = Field(default=None, ge=0, description="of an encoder of several layers; the last if left out")
    vocab: int = Field(default=512, ge=2, description="clusters")


class TrainConfig(Settings):
    """Mini-batches of recordings; the centres are running means."""

    steps: int = Field(default=100, gt=0)
    seed: int = Field(default=0, ge=0)
    batch: int = Field(default=8, gt=0, description="pieces of recordings of a step")
    seconds: float = Field(default=10.0, gt=0, description="longest piece")
    held_out: int = Field(default=32, gt=0, description="recordings of an evaluation, at most")


class KMeansConfig(Settings):
    """All of a run of clusters."""

    system: Literal["kmeans"] = "kmeans"
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings(precision="32")
