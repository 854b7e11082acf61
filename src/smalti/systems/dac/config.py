"""Settings of the residual codec: its sizes, how it learns and what judges it."""

import math
from typing import Literal

from pydantic import Field

from smalti.config import Settings
from smalti.train import Cadence, EngineSettings


class ModelConfig(Settings):
    """A convolutional encoder and decoder around a residual quantiser of few dimensions.

    Source: Kumar et al. 2023 (DAC, arXiv:2306.06546), section 3 and appendix A.
    """

    sample_rate: int = Field(default=44_100, gt=0, description="Hz")
    strides: tuple[int, ...] = Field(
        default=(2, 4, 8, 8), min_length=1, description="of the encoder; hop is their product"
    )
    encoder_width: int = Field(default=64, gt=0, description="channels at the full rate; each stride doubles them")
    decoder_width: int = Field(default=1536, gt=0, description="channels at the frame rate; each stride halves them")
    latent: int | None = Field(default=None, gt=0, description="numbers of a frame; None: what the encoder ends with")
    codebooks: int = Field(default=9, gt=0, description="Q")
    vocab: int = Field(default=1024, gt=1, le=65536, description="V")
    code_dim: int = Field(default=8, gt=0, description="dimensions in which the nearest code is looked for")

    @property
    def hop(self) -> int:
        """Samples of a frame."""
        return math.prod(self.strides)

    @property
    def latent_width(self) -> int:
        """Numbers of a frame."""
        return self.latent or self.encoder_width * 2 ** len(self.strides)


class DACConfig(Settings):
    """All of a DAC run."""

    system: Literal["dac"] = "dac"
    model: ModelConfig = ModelConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings()
