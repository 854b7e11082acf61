"""Settings of a wav2tok run: what it hears, its net, what belongs together, how it is varied and how it learns."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from smalti.config import Settings
from smalti.data.augmentation import FrameAugmentation
from smalti.train import Cadence, EngineSettings
from smalti.train.token_settings import TrainConfig


class SpeechFrontConfig(Settings):
    """Log power in mel bands every 10 ms, less the clip's own mean."""

    kind: Literal["speech"] = "speech"
    bands: int = Field(default=80, gt=0, description="mel bands")
    low_hz: float = Field(default=60.0, ge=0, description="lowest frequency, Hz")
    high_hz: float = Field(default=8000.0, gt=0, description="highest frequency, Hz; 4000 for sound of the telephone")
    floor_db: float = Field(default=60.0, gt=0, description="below the clip's loudest band all is equal")
    active_db: float = Field(default=30.0, gt=0, description="frames so far below the loudest count half in the mean")
    trim_db: float = Field(default=25.0, ge=0, description="ends so far below the loudest frame go unheard; 0 for none")
    pause: float = Field(default=0.3, ge=0, description="seconds of quiet between two clips of their own; 0: never")


class MfccFrontConfig(Settings):
    """39 cepstral coefficients every 10 ms, each with mean 0 and deviation 1 over the clip."""

    kind: Literal["mfcc"] = "mfcc"


class StftFrontConfig(Settings):
    """Magnitudes of a short-time Fourier transform as they are, the published system's default."""

    kind: Literal["stft"] = "stft"
    n_fft: int = Field(default=1024, gt=0, description="samples of a window")
    hop: int = Field(default=256, gt=0, description="samples from one to the next")


class MusicFrontConfig(Settings):
    """The line of pitch every 40 ms, in no key."""

    kind: Literal["music"] = "music"
    reference: Literal["auto", "clip", "none"] = Field(
        default="auto",
        description="clip: pitches count from its mean, so that its key goes unheard; none: from C3; auto: from C3 if "
        "the clip is a single note",
    )


FrontConfig = SpeechFrontConfig | MfccFrontConfig | StftFrontConfig | MusicFrontConfig


class NetConfig(Settings):
    """Two convolutions, then layers that hear the whole clip, or only what was before."""

    kind: Literal["gru", "lstm", "transformer"] = "gru"
    width: int = Field(default=96, gt=0, description="channels of the convolutions and, each way, of the layers")
    layers: int = Field(default=1, gt=0)
    heads: int = Field(default=4, gt=0, description="of the transformer")
    stride: Literal[1, 2] = Field(default=2, description="frames of a token")
    dropout: float = Field(default=0.2, ge=0, lt=1)
    causal: bool = Field(default=False, description="hear only what was before; the clip's mean is still its whole one")


class CodebookConfig(Settings):
    """Directions that frames are named by."""

    kind: Literal["learnt", "kmeans"] = Field(default="learnt", description="by gradient, or clustered now and then")
    tokens: int = Field(default=64, gt=1, description="code vectors")
    dim: int = Field(default=64, gt=0, description="of code vectors")
    temperature: float = Field(default=0.1, gt=0, description="that cosines are divided by")
    every: int = Field(default=500, gt=0, description="steps between two clusterings")
    share: float = Field(default=1.0, gt=0, le=1, description="of the clips that are clustered, drawn anew each time")


class ModelConfig(Settings):
    """What a run knows."""

    front: Annotated[FrontConfig, Field(discriminator="kind")] = SpeechFrontConfig()
    net: NetConfig = NetConfig()
    codebook: CodebookConfig = CodebookConfig()

    @model_validator(mode="after")
    def _streams(self) -> "ModelConfig":
        if self.net.causal and self.net.kind == "transformer":
            raise ValueError('net.causal wants kind "gru" or "lstm", found "transformer"; choose one of them')
        return self


class PairsConfig(Settings):
    """Which clips of a step belong together."""

    mode: Literal["pair", "triplet", "single"] = Field(default="pair", description="what a batch is made of")
    by: Literal["auto", "label", "copy"] = Field(
        default="auto", description="label: other clips of one label; copy: a varied copy; auto: label if there is one"
    )
    speaker: str = Field(
        default="auto", description='column whose values should differ within a label; "" for none, auto finds one'
    )
    classes: int = Field(default=10, gt=0, description="labels of a step, or clips if copies are their pairs")
    takes: int = Field(default=5, ge=2, description="clips of each label; 2 are the published pairs")
    subset: float = Field(default=1.0, gt=0, le=1, description="share of the clips that one epoch knows, drawn anew")
    alike: bool = Field(default=False, description="labels of a step are alike in length, not any")
    clip: bool = Field(default=True, description="cut longer clips to a random stretch")
    seconds: float = Field(default=3.0, gt=0, description="of that stretch")
    same_length: bool = Field(default=False, description="stretch all clips of a step to their mean length")


class VaryConfig(FrameAugmentation):
    """How clips are varied; 0 leaves them as they are."""

    all: bool = Field(default=True, description="also clips whose pair is another clip of their label")
    warp: float = Field(default=0.15, ge=0, description="most that formants move, as ln of the factor")
    tempo: float = Field(default=0.25, ge=0, description="most that a clip is faster or slower, as ln of the factor")
    colour_db: float = Field(default=3.0, ge=0, description="deviation of slow waves along the bands")
    noise: float = Field(default=0.5, ge=0, le=1, description="chance of noise")
    band_mask: float = Field(default=0.15, ge=0, le=1, description="most of the bands that are hidden")
    frame_mask: float = Field(default=0.12, ge=0, le=1, description="most of the frames that are hidden")
    edges: float = Field(default=0.1, ge=0, lt=0.5, description="most of a clip that is cut off at either end")
    splice: float = Field(default=0.0, ge=0, le=1, description="share of labels continued in the middle by another")


class ObjectiveConfig(Settings):
    """Weights of what is learnt from."""

    contrast: float = Field(default=1.0, ge=0, description="of finding one's own among all clips of the step")
    sharpness: float = Field(default=5.0, gt=0, description="that nats per frame are multiplied by there")
    balance: float = Field(default=0.1, ge=0, description="of using all tokens alike")
    alpha: float = Field(default=0.0, ge=0, description="of a clip's likelihood of its partner's string")
    beta: float = Field(default=0.0, ge=0, description="of the partner's likelihood of the clip's string")
    matching: float = Field(default=0.0, ge=0, description="of telling mean vectors of tokens apart")
    likeness: Literal["learnt", "cosine"] = Field(default="learnt", description="how these are compared")
    aligned: float = Field(default=0.0, ge=0, description="of having the token of the partner's frame at that moment")
    share: float = Field(
        default=0.0,
        ge=0,
        description="of the contrast that both likelihoods are scaled to; 0: as they are",
    )


class LearnConfig(TrainConfig):
    """As everywhere, and when to end early."""

    learning_rate: float = Field(default=3e-3, gt=0, description="at its peak")
    steps: int = Field(default=3000, gt=0)
    patience: int = Field(default=0, ge=0, description="evaluations without a better score that end the run; 0: never")
    memory: int = Field(default=1024, gt=0, description="MiB of heard frames kept; more are heard again")


class Wav2TokConfig(Settings):
    """All of a run."""

    system: Literal["wav2tok"] = "wav2tok"
    model: ModelConfig = ModelConfig()
    pairs: PairsConfig = PairsConfig()
    vary: VaryConfig = VaryConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    train: LearnConfig = LearnConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings()
