"""Settings of the residual codec: its sizes, how it learns and what judges it."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from smalti.config import Settings
from smalti.losses import PUBLISHED_BANDS, PUBLISHED_SCALES
from smalti.nn.complex_spectrum_judges import PUBLISHED_EDGES
from smalti.train import Cadence, EngineSettings


class ModelConfig(Settings):
    """A convolutional encoder and decoder around a residual quantiser of few dimensions.

    Source: Kumar et al. 2023 (DAC, arXiv:2306.06546), section 3 and appendix A.
    """

    sample_rate: int = Field(default=44_100, gt=0, description="Hz")
    fold: Literal[1, 16, 32, 64, 128] = Field(
        default=1, description="samples that enter and leave at once, as short spectra; 1: one by one, as published"
    )
    strides: tuple[Annotated[int, Field(gt=1)], ...] = Field(
        default=(2, 4, 8, 8), min_length=1, description="of the encoder; hop is their product times the fold"
    )
    encoder_width: int = Field(default=64, gt=0, description="channels of the first layer; each stride doubles them")
    decoder_width: int = Field(default=1536, gt=0, description="channels at the frame rate; each stride halves them")
    latent: int | None = Field(default=None, gt=0, description="numbers of a frame; None: what the encoder ends with")
    codebooks: int = Field(default=9, gt=0, description="Q")
    vocab: int = Field(default=1024, gt=1, le=65536, description="V")
    code_dim: int = Field(default=8, gt=0, description="dimensions in which the nearest code is looked for")

    @property
    def hop(self) -> int:
        """Samples of a frame."""
        return self.fold * math.prod(self.strides)

    @property
    def latent_width(self) -> int:
        """Numbers of a frame."""
        return self.latent or self.encoder_width * 2 ** len(self.strides)


class LambdasConfig(Settings):
    """Weights of the losses; one of 0 is only told of at evaluations."""

    mel: float = Field(default=15.0, ge=0, description="of log-mel pictures at several scales, in powers of ten")
    yardstick: float = Field(default=0.0, ge=0, description="of `smalti.evaluate.yardstick`, in dB")
    linear: float = Field(default=0.0, ge=0, description="of magnitudes at its windows, in the recording's own mean")
    stft: float = Field(default=0.0, ge=0, description="of magnitudes at several scales")
    waveform: float = Field(default=0.0, ge=0, description="of samples, mean absolute")
    commitment: float = Field(default=0.25, ge=0, description="of latents to their codes, squared")
    codebook: float = Field(default=1.0, ge=0, description="of codes to their latents, squared")
    adversarial: float = Field(default=1.0, ge=0, description="of what judges think, summed over them")
    features: float = Field(default=2.0, ge=0, description="of what judges hear within, summed over their layers")


class TrainConfig(Settings):
    """AdamW, its rate falling by a factor a step or in a cosine; by default as published.

    # Differs: pieces are drawn by their duration, not by their source, and keep their level or get a random gain where
    the reference brings each to -16 LUFS.
    """

    steps: int = Field(default=400_000, gt=0)
    seed: int = Field(default=0, ge=0)
    batch: int = Field(default=72, gt=0, description="crops of a step and process")
    crop: float = Field(default=0.38, gt=0, description="seconds of a crop")
    learning_rate: float = Field(default=1e-4, gt=0, description="at its peak")
    final_rate: float = Field(default=1e-4, ge=0, description="at the end of a cosine; as the peak: there is none")
    warmup: float = Field(default=0.0, ge=0, le=1, description="fraction of the run until the peak")
    decay: float = Field(default=0.999996, gt=0, le=1, description="factor of the rate, per step")
    matrix_rate: float = Field(
        default=0.0,
        ge=0,
        description="rate of all layers but those around the codes, which Muon then steps, in that of the rest; their "
        "weights are not normed and begin evenly; 0: all AdamW, as published",
    )
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=1e3, gt=0, description="largest norm of the gradient")
    shallow: float = Field(default=0.5, ge=0, le=1, description="share of a batch that uses the first codebooks only")
    quantize_from: float = Field(
        default=0.0, ge=0, lt=1, description="fraction of the run without codes, which k-means then places; 0: never"
    )
    start_vectors: int = Field(default=8000, gt=0, description="latent frames among which it places them")
    follow: bool = Field(
        default=False, description="codes are moving averages of what chose them, in place of learning by gradient"
    )
    restart_below: float = Field(default=0.0, ge=0, description="share of uniform usage under which a code is idle")
    restart_until: float = Field(default=0.9, ge=0, le=1, description="fraction of the run in which idle codes restart")
    gain_db: tuple[float, float] = Field(default=(0.0, 0.0), description="random gain of a crop")
    silent: float = Field(default=0.0, ge=0, le=1, description="share of crops that are silence")
    turn: bool = Field(default=True, description="turn the phases of a crop by a random angle")
    mel_windows: tuple[int, ...] = Field(default=PUBLISHED_SCALES, description="samples; scales of the mel loss")
    mel_bands: tuple[int, ...] = Field(default=PUBLISHED_BANDS, description="mel bands of each")
    memory: int = Field(default=1024, ge=0, description="MiB of waveforms kept; more are read at every step")
    held_out: int = Field(default=32, gt=0, description="most recordings of an evaluation, evenly chosen")
    lambdas: LambdasConfig = LambdasConfig()

    @model_validator(mode="after")
    def _bands_of_every_scale(self) -> "TrainConfig":
        if len(self.mel_windows) != len(self.mel_bands):
            raise ValueError(f"{len(self.mel_windows)} mel_windows and {len(self.mel_bands)} mel_bands do not match")
        return self


class JudgeConfig(Settings):
    """Discriminators of waveforms; from `start` on the codec also learns to please them. By default as published."""

    start: int = Field(default=0, ge=0, description="the codec's step from which they learn and speak")
    periods: tuple[int, ...] = Field(default=(2, 3, 5, 7, 11), description="judges of every n-th sample")
    windows: tuple[int, ...] = Field(default=(2048, 1024, 512), description="judges of complex spectra, in samples")
    edges: tuple[float, ...] = Field(default=PUBLISHED_EDGES, description="of their bands, of half the rate")
    width: int = Field(default=32, gt=0, description="channels of their first layers")
    learning_rate: float = Field(default=1e-4, gt=0, description="at its peak; it falls as the codec's does")
    clip: float = Field(default=10.0, gt=0, description="largest norm of their gradient")


class DACConfig(Settings):
    """All of a DAC run."""

    system: Literal["dac"] = "dac"
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    judge: JudgeConfig = JudgeConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings()
