"""Settings of the mel codec: its picture, net, codes, vocoder and training."""

from typing import Annotated, Literal

from pydantic import Field

from smalti.config import Settings
from smalti.quantize import QuantizerConfig
from smalti.train import Cadence, EngineSettings


class FramesNetConfig(Settings):
    """One-dimensional convolutions over mel frames: small, any length."""

    kind: Literal["frames"] = "frames"
    width: int = Field(default=192, gt=0, description="channels")
    fine_blocks: int = Field(default=1, ge=0, description="residual blocks at half the frame rate of the picture")
    coarse_blocks: int = Field(default=3, ge=0, description="residual blocks at the frame rate of the tokens")
    latent: int = Field(default=32, gt=0, description="numbers per token frame")
    window: int = Field(default=32, gt=0, description="token frames per call")


class GridNetConfig(Settings):
    """Two-dimensional convolutions, valid in time: small, any length, tokens that keep their frequency rows."""

    kind: Literal["grid"] = "grid"
    widths: tuple[int, ...] = Field(
        default=(48, 96, 192), min_length=1, description="channels of each level: 4 × 4 cells, then halved each time"
    )
    encoder_blocks: tuple[int, ...] = Field(default=(0, 1, 0), description="residual blocks of each level")
    decoder_blocks: tuple[int, ...] = Field(default=(0, 1, 1), description="residual blocks of each level")
    mix: int = Field(default=128, ge=0, description="channels by which rows of a column tell each other; 0: none")
    latent: int = Field(default=64, gt=0, description="numbers per token")
    window: int = Field(default=16, gt=0, description="token frames per call")


class ImageNetConfig(Settings):
    """The published two-dimensional net: GroupNorm and attention over fixed windows."""

    kind: Literal["image"] = "image"
    channels: int = Field(default=128, gt=0, description="of the first level")
    multipliers: tuple[int, ...] = Field(default=(1, 1, 2, 2, 4), min_length=1, description="width of each level")
    groups: int = Field(default=32, gt=0, description="of every GroupNorm")
    latent: int = Field(default=256, gt=0, description="numbers per token")
    window: int = Field(default=53, gt=0, description="token frames of a window, all of which attention hears")


class VocoderConfig(Settings):
    """Mel inversion and Griffin-Lim."""

    inversion_steps: int = Field(default=50, gt=0, description="multiplicative steps from mel to magnitudes")
    iterations: int = Field(default=32, ge=0, description="of Griffin-Lim")
    window: int = Field(default=128, gt=0, description="mel frames that find their phases together")
    overlap: int = Field(default=8, gt=0, description="mel frames that neighbouring windows share")


class ModelConfig(Settings):
    """What the tokens of this codec are."""

    picture: str = Field(default="wide", description="name in smalti.features.MEL_PRESETS")
    net: Annotated[FramesNetConfig | GridNetConfig | ImageNetConfig, Field(discriminator="kind")] = FramesNetConfig()
    quantizer: QuantizerConfig = QuantizerConfig()


class AdversaryConfig(Settings):
    """A judge of patches of the picture; its settings carry the published names."""

    kind: Literal["none", "patch"] = "none"
    disc_start: int = Field(default=2001, ge=0, description="step of the codec from which it learns and speaks")
    disc_weight: float = Field(default=0.8, ge=0, description="of what it says, times the adaptive weight")
    features: float = Field(default=0.0, ge=0, description="weight of the distance of what it hears within")
    min_adapt_weight: float = Field(default=0.0, ge=0, description="least adaptive weight")
    max_adapt_weight: float = Field(default=1.0, ge=0, description="largest adaptive weight")
    disc_conditional: bool = Field(default=False, description="show it beside each picture the one that was coded")
    disc_in_channels: int = Field(
        default=0, ge=0, description="pictures it is shown at once; 0: as many as it gets, 1 or with condition 2"
    )
    width: int = Field(default=64, gt=0, description="channels of its first layer")
    learning_rate: float = Field(default=1.0, gt=0, description="in that of the codec")


class PerceptualConfig(Settings):
    """An ear that compares pictures by what a small classifier hears in them."""

    kind: Literal["none", "self", "file"] = Field(
        default="none", description="self: learns the manifest's labels first; file: comes with weights"
    )
    weight: float = Field(default=1.0, ge=0, description="of its distance beside the picture's")
    widths: tuple[int, ...] = Field(default=(16, 32, 64), min_length=1, description="channels of its layers")
    learn_until: float = Field(default=0.3, ge=0, le=1, description="fraction of the run in which it learns (self)")
    learning_rate: float = Field(default=1e-3, gt=0, description="of its learning (self)")
    weights: str = Field(default="", description="its weights: perceptual.safetensors of a checkpoint (file)")


class VaryConfig(Settings):
    """What is done to crops at random, so that a small collection is not learnt by heart."""

    gain_db: float = Field(default=0.0, ge=0, description="made up to so much louder or softer")
    shift_bands: int = Field(default=0, ge=0, description="moved up or down by up to so many mel bands")
    together: float = Field(default=0.0, ge=0, le=1, description="share of crops that sound together with another")
    silent: float = Field(default=0.0, ge=0, le=1, description="share of crops that are silence")


class TrainConfig(Settings):
    """AdamW with a warm-up and a cosine; codebooks begin and restart among the latents."""

    steps: int = Field(default=2000, gt=0)
    seed: int = Field(default=0, ge=0)
    batch: int = Field(default=16, gt=0, description="crops of a step and process")
    crop: int = Field(default=32, gt=0, description="token frames of a crop; the image net takes whole windows")
    learning_rate: float = Field(default=1e-3, gt=0, description="at its peak")
    warmup: float = Field(default=0.03, ge=0, le=1, description="fraction of the run until the peak")
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    commitment: float = Field(default=0.25, ge=0, description="weight of the latents' distance to their code vectors")
    codebook_weight: float = Field(default=1.0, ge=0, description="weight of that and of the code vectors' own loss")
    noise_sigma: float = Field(
        default=0.0, ge=0, description="Gaussian noise on code vectors in training, in their root mean square"
    )
    loud: float = Field(default=4.0, ge=0, description="weight of squared differences, which keep rare calls alive")
    loudness: float = Field(default=4.0, ge=0, description="how much more a cell of full level counts in these")
    quantize_from: float = Field(default=0.05, ge=0, le=1, description="fraction of the run without codebooks")
    restart_below: float = Field(default=0.1, ge=0, description="share of uniform usage under which a code is idle")
    restart_until: float = Field(
        default=0.75, ge=0, le=1, description="fraction of the run in which idle codes restart"
    )
    vary: VaryConfig = VaryConfig()
    memory: int = Field(default=1024, ge=0, description="MiB of pictures kept; more are read and drawn at every step")


class MelVQVAEConfig(Settings):
    """All of a melvqvae run."""

    system: Literal["melvqvae"] = "melvqvae"
    model: ModelConfig = ModelConfig()
    vocoder: VocoderConfig = VocoderConfig()
    train: TrainConfig = TrainConfig()
    adversary: AdversaryConfig = AdversaryConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings()
