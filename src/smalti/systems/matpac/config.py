"""Settings of MATPAC: what its encoder is."""

from typing import Literal

from pydantic import Field, model_validator

from smalti.config import Settings
from smalti.data.augmentation import FrameAugmentation
from smalti.features import MATPAC_PICTURE, MelSettings
from smalti.systems.matpac.pretraining import (
    ChoicesConfig,
    PredictorConfig,
    PrototypeConfig,
    TeacherConfig,
    TrainConfig,
)
from smalti.train import Cadence, EngineSettings

Task = Literal["multi-label", "multi-class"]


class PictureConfig(Settings):
    """The log-mel picture; what it is normalised by is measured, and lies with the weights."""

    sample_rate: int = Field(default=MATPAC_PICTURE.sample_rate, gt=0, description="Hz; published: sample_rate")
    window: int = Field(default=MATPAC_PICTURE.n_fft, gt=0, description="samples of a frame")
    hop: int = Field(default=MATPAC_PICTURE.hop, gt=0, description="samples from frame to frame")
    bands: int = Field(default=MATPAC_PICTURE.bands, gt=0, description="mel bands; published: n_mels, n_freq")
    low_hz: float = Field(default=MATPAC_PICTURE.low_hz, ge=0)
    high_hz: float = Field(default=MATPAC_PICTURE.high_hz, gt=0)

    def settings(self) -> MelSettings:
        """As the front end wants it."""
        return MelSettings(
            sample_rate=self.sample_rate,
            n_fft=self.window,
            hop=self.hop,
            bands=self.bands,
            low_hz=self.low_hz,
            high_hz=self.high_hz,
        )


class EncoderConfig(Settings):
    """A vision transformer over patches of the picture."""

    patch: tuple[int, int] = Field(default=(16, 16), description="bands and frames of a patch; published: patch_size")
    chunk: int = Field(default=608, gt=0, description="frames heard together; published: n_t, max_sample_size")
    width: int = Field(default=768, gt=0, description="published: embed_dim")
    layers: int = Field(default=12, gt=0, description="published: depth")
    heads: int = Field(default=12, gt=0, description="published: num_heads")
    mlp_ratio: int = Field(default=4, gt=0)
    class_token: bool = Field(default=True, description="a learnt row before the patches, which all of them see")


class HeadConfig(Settings):
    """A classifier that was learnt elsewhere."""

    hears: Literal["patches", "steps"] = Field(description="the mean of all patches, or of the time steps")
    task: Task = Field(description="whether classes exclude one another")
    labels: tuple[str, ...] = Field(min_length=1, description="of the classes")


class ModelConfig(Settings):
    """What hears."""

    picture: PictureConfig = PictureConfig()
    encoder: EncoderConfig = EncoderConfig()
    head: HeadConfig | None = Field(default=None, description="what says which classes are heard")
    tail: Literal["silence", "zeros"] = Field(
        default="silence",
        description="what follows the sound up to a whole patch: silence; or, as published, average loudness "
        "behind the last whole window",
    )
    precision: Literal["fp32", "bf16"] = Field(default="fp32", description="of the transformer when it only hears")

    @model_validator(mode="after")
    def _fits(self) -> "ModelConfig":
        bands, frames = self.encoder.patch
        if self.picture.bands % bands or self.encoder.chunk % frames or self.encoder.width % 4:
            raise ValueError(
                f"found patches of {bands} bands and {frames} frames, {self.picture.bands} bands, chunks of "
                f"{self.encoder.chunk} frames and width {self.encoder.width}; bands and chunk are whole patches, "
                "and the width divides by 4"
            )
        return self

    @property
    def rows(self) -> int:
        """Patches of one time step: frequency bands of them."""
        return self.picture.bands // self.encoder.patch[0]

    @property
    def hop(self) -> int:
        """Samples of one time step."""
        return self.picture.hop * self.encoder.patch[1]

    @property
    def dim(self) -> int:
        """Numbers of one time step: its patches' side by side, the lowest frequencies first."""
        return self.rows * self.encoder.width


class MatpacConfig(Settings):
    """All of a run."""

    system: Literal["matpac"] = "matpac"
    model: ModelConfig = ModelConfig()
    predictor: PredictorConfig = PredictorConfig()
    choices: ChoicesConfig = ChoicesConfig()
    prototypes: PrototypeConfig = PrototypeConfig()
    teacher: TeacherConfig = TeacherConfig()
    vary: FrameAugmentation = Field(default=FrameAugmentation(), description="of crops; not published")
    train: TrainConfig = TrainConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings()

    @model_validator(mode="after")
    def _has_layers(self) -> "MatpacConfig":
        if self.teacher.layers > self.model.encoder.layers:
            raise ValueError(
                f"found teacher.layers {self.teacher.layers} of an encoder of {self.model.encoder.layers}; "
                "give at most as many"
            )
        return self
