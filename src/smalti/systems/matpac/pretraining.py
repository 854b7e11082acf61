"""Settings of how MATPAC learns: predictor, choices, prototypes, teacher, and the steps of the run.

Moments of the run are shares of it: 0.1 is its tenth part, whatever it comes to. Above 1 they are steps.
"""

from typing import Literal

from pydantic import Field

from smalti.config import Settings

_SHARE = "share of the run; above 1: steps"


class PredictorConfig(Settings):
    """A transformer that guesses what is hidden."""

    width: int = Field(default=512, gt=0, multiple_of=4, description="published: decoder_embed_dim")
    layers: int = Field(default=8, gt=0, description="published: decoder_depth")
    heads: int = Field(default=16, gt=0, description="published: decoder_num_heads")
    mlp_ratio: int = Field(default=4, gt=0)


class ChoicesConfig(Settings):
    """Several guesses of every hidden patch, of which the best learn most (MATPAC++); none by default."""

    heads: int = Field(default=0, ge=0, description="guesses; 0 is one, and no choice; published: n_head")
    temperature: tuple[float, float] = Field(
        default=(0.1, 1e-4), description="at the beginning, and where it ends; from there the best one learns alone"
    )
    until: float = Field(default=0.781, gt=0, description=f"when it ends, {_SHARE}; published: as decay_rate")


class PrototypeConfig(Settings):
    """The heads that sort latents, and the cross-entropy between student and teacher."""

    prototypes: int = Field(default=2048, gt=1, description="published: head_dim_out")
    hidden: int = Field(default=2048, gt=0, description="published: hidden_dim")
    bottleneck: int = Field(default=256, gt=0)
    gain: bool = Field(default=False, description="a learnt factor per prototype, as published")
    student_temperature: float = Field(default=0.1, gt=0, description="published: student_temp")
    teacher_temperature: tuple[float, float] = Field(
        default=(0.04, 0.07), description="at the beginning and warm; published: warmup_teacher_temp, teacher_temp"
    )
    warmup: float = Field(default=1 / 30, ge=0, description=f"of this, {_SHARE}; published: warmup_n_steps")
    centre: Literal["logits", "probabilities"] = Field(
        default="logits", description="of what a moving mean is taken from the teacher's scores; published: the latter"
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of the centre; published: center_momentum")
    decay: tuple[float, float] = Field(
        default=(0.998, 1.0), description="of the teacher's head, at the beginning and the end; published: ema_decay"
    )


class TeacherConfig(Settings):
    """The moving average of the student that says what is right."""

    decay: tuple[float, float] = Field(
        default=(0.99995, 0.99999), description="at the beginning and the end; published: ema_decay, ema_end_decay"
    )
    patches: Literal["own", "student"] = Field(
        default="own", description="whose map of patches it hears through; published: student"
    )
    begins: Literal["equal", "apart"] = Field(
        default="equal", description="as the student, or with weights of its own, as published"
    )
    follows: Literal["after", "before"] = Field(
        default="after", description="when it moves: after the student's step, or, as published, before it"
    )
    layers: int = Field(default=1, ge=0, description="last ones, whose mean is to be guessed; 0: all; published: 1")
    standardise: bool = Field(
        default=True, description="its vectors have mean 0 and deviation 1 in every dimension over a batch"
    )


class TrainConfig(Settings):
    """AdamW or Muon with a warm-up and a cosine."""

    steps: int = Field(default=2000, gt=0, description="unless epochs say it; published: max_update")
    epochs: float = Field(default=0.0, ge=0, description="as many crops as there are pieces, so many times; 0: steps")
    seed: int = Field(default=0, ge=0)
    batch: int = Field(default=32, gt=0, description="crops of a step and process; published: batch_size")
    mask: float = Field(default=0.7, gt=0, lt=1, description="share of patches hidden; published: mask_ratio")
    fill: Literal["clips", "silence"] = Field(
        default="clips", description="what follows a recording shorter than a crop: others of its set, or silence"
    )
    gap: int = Field(default=0, ge=0, description="most frames of silence before each recording that follows")
    sets: str = Field(default="set", description="column that says which recordings belong together")
    apart: bool = Field(
        default=False,
        description="all crops of a step are of one set: what tells sets from each other is no target then",
    )
    mixed: int = Field(
        default=0, ge=0, description="of steps apart, each so-manieth is of all sets nevertheless; 0: none is"
    )
    varied: float = Field(default=1.0, ge=0, le=1, description="chance that a crop is varied, not as recorded")
    balance: float = Field(
        default=0.5, ge=0, le=1, description="0: every set is heard equally; 1: every second is; roots between"
    )
    prediction: float = Field(default=0.5, ge=0, description="weight of the angle; published: loss_pred")
    classification: float = Field(default=0.5, ge=0, description="weight of the prototypes; published: loss_cls")
    learning_rate: float = Field(default=3e-4, gt=0, description="at its peak; published: lr")
    final_rate: float = Field(default=0.0, ge=0, description="at the end")
    warmup: float = Field(default=1 / 15, ge=0, description=f"until the peak, {_SHARE}; published: warmup_updates")
    matrix_rate: float = Field(
        default=0.0, ge=0, description="rate of the blocks' matrices, which Muon steps, in that of the rest; 0: AdamW"
    )
    betas: tuple[float, float] = (0.9, 0.95)
    epsilon: float = Field(default=1e-6, gt=0, description="of AdamW; published: adam_eps")
    weight_decay: float = Field(default=0.05, ge=0)
    decays: Literal["matrices", "all"] = Field(default="matrices", description="what decays; published: all")
    clip: float = Field(default=3.0, gt=0, description="largest norm of the gradient; published: clip_norm")
    memory: int = Field(default=1024, ge=0, description="MiB of log-mels kept; more are made again at every step")
    held_out: int = Field(default=64, gt=0, description="most recordings of an evaluation's losses")
    neighbours: int = Field(
        default=2000, ge=0, description="most recordings, on either side, of an evaluation's kNN; 0: none"
    )
