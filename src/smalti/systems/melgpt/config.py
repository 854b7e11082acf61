"""Settings of the models over a mel codec's token grid: which kind, its sizes, and how it learns."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from smalti.config import Settings
from smalti.systems.melgpt.vae_objective import ObjectiveConfig
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


class EncoderConfig(Settings):
    """A transformer that sees a whole clip at once and sums it up."""

    width: int = Field(default=96, gt=0, description="of the residual stream, a multiple of 2 x heads")
    layers: int = Field(default=2, gt=0)
    heads: int = Field(default=4, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1, description="share of each branch's output")


class VAEConfig(NetConfig):
    """Code after code as the GPT, steered by one latent vector per clip, which an encoder infers."""

    kind: Literal["vae"] = "vae"
    pattern: Literal["parallel", "delay", "flat"] = Field(default="flat", description="as of the GPT")
    positions: Literal["rotary", "factorised"] = Field(default="rotary", description="as of the GPT")
    latent: int = Field(default=64, gt=0, description="numbers of a clip's latent")
    encoder: EncoderConfig = EncoderConfig()


class MaskedConfig(NetConfig):
    """All codes at once, in a few passes, hearing both sides."""

    kind: Literal["masked"] = "masked"
    window: int = Field(default=53, gt=0, description="frames that the model hears at once")


ModelConfig = Annotated[GPTConfig | MaskedConfig | VAEConfig, Field(discriminator="kind")]


class MelGPTConfig(Settings):
    """All of a melgpt run; `objective` belongs to kind vae alone."""

    system: Literal["melgpt"] = "melgpt"
    model: ModelConfig = GPTConfig()
    shown: ShownConfig = ShownConfig(crop=53)
    objective: ObjectiveConfig | None = Field(default=None, validate_default=True)
    train: TrainConfig = TrainConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings()

    @field_validator("objective")
    @classmethod
    def _belongs_to_a_vae(cls, objective: ObjectiveConfig | None, info: Any) -> ObjectiveConfig | None:
        model = info.data.get("model")
        if model is not None and (objective is not None) != (model.kind == "vae"):
            raise ValueError(f"a table for model.kind vae, and none for others; this one is {model.kind}")
        return objective
