"""Settings that every recipe of a token model shares: what a step is shown, and how the weights learn from it."""

from pydantic import Field

from smalti.config import Settings


class ShownConfig(Settings):
    """What a step is shown, and what is kept from it so that the model does not learn its clips by heart."""

    batch: int = Field(default=16, gt=0, description="clips of a step and process")
    crop: int = Field(default=64, gt=0, description="token frames of each; shorter clips are shown whole")
    corruption: float = Field(default=0.24, ge=0, le=1, description="most input codes of a row replaced by random ones")
    condition_dropout: float = Field(
        default=0.1, ge=0, le=1, description="chance that a field is not told, for guidance"
    )


class TrainConfig(Settings):
    """AdamW with a warm-up and a cosine, and an average of the weights, which is what is kept."""

    steps: int = Field(default=1200, gt=0)
    seed: int = Field(default=0, ge=0)
    learning_rate: float = Field(default=3e-3, gt=0, description="at its peak")
    final_rate: float = Field(default=1e-4, ge=0, description="learning rate at the end")
    warmup: float = Field(default=0.05, ge=0, le=1, description="fraction of the run until the peak")
    weight_decay: float = Field(default=0.05, ge=0, description="of matrices, not of biases and gains")
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    average: float = Field(default=0.99, ge=0, lt=1, description="decay of the averaged weights, per step")
