"""Settings of a vocoder: its picture, net, judges and training."""

from typing import Annotated, Literal

from pydantic import Field

from smalti.config import Settings
from smalti.train import Cadence, EngineSettings

Reading = Literal["unit", "natural"]
_READS = "what the net reads: log-mel as 0…1, or as ln of mel magnitudes"


class VocosNetConfig(Settings):
    """ConvNeXt blocks over mel frames, then magnitudes and phases of an inverse STFT."""

    kind: Literal["vocos"] = "vocos"
    reads: Reading = Field(default="unit", description=_READS)
    width: int = Field(default=512, gt=0, description="channels")
    hidden: int = Field(default=1536, gt=0, description="channels within a block")
    blocks: int = Field(default=8, gt=0)
    start: Literal["free", "mel"] = Field(
        default="free", description="mel: the net corrects the magnitudes that the picture itself asks for"
    )
    iterations: int = Field(default=0, ge=0, description="of Griffin-Lim behind the net, which learns through them")
    momentum: float = Field(default=0.0, ge=0, le=1, description="of these")


class MelGANNetConfig(Settings):
    """Transposed convolutions with dilated residual blocks."""

    kind: Literal["melgan"] = "melgan"
    reads: Reading = Field(default="unit", description=_READS)
    width: int = Field(default=32, gt=0, description="channels of the last stage; each stage before has twice as many")
    ratios: tuple[int, ...] = Field(default=(8, 8, 2, 2), min_length=1, description="their product is the hop")
    blocks: int = Field(default=3, gt=0, description="residual blocks a stage, with dilations 1, 3, 9, …")


class HiFiGANNetConfig(Settings):
    """Transposed convolutions with residual blocks of several kernels; BigVGAN's have periodic activations."""

    kind: Literal["hifigan", "bigvgan"] = "hifigan"
    reads: Reading = Field(default="natural", description=_READS)
    width: int = Field(default=512, gt=0, description="channels before the first stage; each stage halves them")
    ratios: tuple[int, ...] = Field(default=(8, 8, 2, 2), min_length=1, description="their product is the hop")
    kernels: tuple[int, ...] = Field(default=(3, 7, 11), min_length=1, description="of the residual blocks of a stage")
    dilations: tuple[tuple[int, ...], ...] = Field(
        default=((1, 3, 5), (1, 3, 5), (1, 3, 5)), min_length=1, description="of the convolutions, per kernel"
    )
    paired: bool = Field(default=True, description="an undilated convolution behind each dilated one")
    activation: Literal["leaky", "snake", "snakebeta"] = "leaky"
    final_bias: bool = True
    final: Literal["tanh", "clamp"] = Field(default="tanh", description="how samples are kept within ±1")


class ModelConfig(Settings):
    """What is heard."""

    picture: str = Field(default="specvqgan", description="name in smalti.features.MEL_PRESETS")
    net: Annotated[VocosNetConfig | MelGANNetConfig | HiFiGANNetConfig, Field(discriminator="kind")] = VocosNetConfig()
    window: int = Field(default=128, gt=0, description="mel frames made audible at once")


class JudgeConfig(Settings):
    """Discriminators of waveforms, none by default; from `start` on the net also learns to please them."""

    start: int = Field(default=0, ge=0, description="the net's step from which they learn and speak")
    scales: int = Field(default=0, ge=0, description="judges of the waveform and of its halvings (MelGAN)")
    periods: tuple[int, ...] = Field(default=(), description="judges of every n-th sample (HiFi-GAN)")
    windows: tuple[int, ...] = Field(default=(), description="judges of spectra with so many samples a frame (Vocos)")
    width: int = Field(default=16, gt=0, description="channels of their first layers")
    learning_rate: float = Field(default=1e-4, gt=0)
    adversarial: float = Field(default=1.0, ge=0, description="weight of their scores")
    features: float = Field(default=10.0, ge=0, description="weight of the distance of what they hear within")


class TrainConfig(Settings):
    """Adam with a warm-up and a cosine."""

    steps: int = Field(default=2000, gt=0)
    seed: int = Field(default=0, ge=0)
    batch: int = Field(default=16, gt=0, description="crops of a step and process")
    crop: int = Field(default=32, gt=0, description="mel frames of a crop")
    margin: int = Field(default=0, ge=0, description="frames at either end of a crop that are not judged")
    learning_rate: float = Field(default=1e-3, gt=0, description="at its peak")
    final_rate: float = Field(default=0.0, ge=0, description="at the end; as the peak for a constant rate")
    warmup: float = Field(default=0.02, ge=0, le=1, description="fraction of the run until the peak")
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=10.0, gt=0, description="largest norm of the gradient")
    mel: float = Field(default=1.0, ge=0, description="weight of the picture's distance, in 0…1 of its range")
    stft: float = Field(default=1.0, ge=0, description="weight of the multi-resolution STFT distance")
    stft_floor: float = Field(default=1e-2, gt=0, description="least magnitude that counts there")
    normalise: bool = Field(default=False, description="bring every piece to a peak of 0.95 first")
    gain_db: tuple[float, float] = Field(default=(-10.0, 0.0), description="random gain of a crop")
    memory: int = Field(default=1024, ge=0, description="MiB of waveforms kept; more are read at every step")


class VocoderRunConfig(Settings):
    """All of a vocoder run."""

    system: Literal["vocoder"] = "vocoder"
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    judge: JudgeConfig = JudgeConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings()
