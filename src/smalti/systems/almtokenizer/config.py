"""Settings of the query-token codec: its ends, query nets, codes and training.

Keys of the published implementation, and what they are here (`decoder_args` as `encoder_args`):

    model.window_size                         model.window; in training drawn per step from model.windows
    model.encoder_args.embed_dim              model.encoder.width
    model.encoder_args.n_layers               model.encoder.layers
    model.encoder_args.n_heads                model.encoder.heads
    model.encoder_args.dim_feedforward        model.encoder.hidden
    model.encoder_args.sliding_window_size    model.encoder.attention
    model.mae_args.embed_dim                  mae.width
    model.mae_args.n_layers                   mae.layers
    model.mae_args.n_heads                    mae.heads
    model.mae_args.dim_feedforward            mae.hidden
    model.patchify_args.requires_grad         train.stage: true is whole, false is codec
    discriminator.hop_lengths                 judge.hop_lengths
    discriminator.n_fft                       judge.n_fft
    discriminator.win_lengths                 judge.win_lengths
    discriminator.n_mels                      judge.n_mels
    discriminator.filters                     judge.filters
    discriminator.filters_scale               judge.filters_scale
    discriminator.max_filters                 judge.max_filters
    discriminator.dilations                   judge.dilations
    dataloader.dataset_path                   --data, of `smalti prepare ROOT --corpus fsd50k`
    dataloader.batch_size                     train.batch
    dataloader.nsecs                          train.crop
    dataloader.train_subset_size              train.recordings
    dataloader.test_subset_size               train.held_out
    training.num_epochs                       train.steps, of train.batch crops each
    training.discriminator_train_freq         judge.every
    training.d_train_prob                     judge.every, its inverse
    training.checkpoint_freq                  cadence.checkpoint, in steps
    training.eval_freq                        cadence.evaluate, in steps
    training.start_checkpoint                 --resume
    training.writer_dir                       --out
    training.checkpoint_dir                   --out
    training.lr_generator                     train.learning_rate
    training.lr_discriminator                 judge.learning_rate
    training.weight_decay                     train.weight_decay
    training.betas                            judge.betas; train.betas are the codec's
    training.lambdas.L_time                   train.lambdas.time
    training.lambdas.L_freq                   train.lambdas.frequency
    training.lambdas.L_adv                    train.lambdas.adversarial
    training.lambdas.L_feat                   train.lambdas.features
    training.lambdas.L_mae                    train.lambdas.mae
    device                                    engine.accelerator

Without use here: model.from_raw_audio (always), dataloader.shuffle (always in training, never in evaluation),
dataloader.num_workers (train.memory keeps what was read).
"""

from typing import Annotated, Literal

from pydantic import Field

from smalti.config import Settings
from smalti.systems.almtokenizer.depth import DepthConfig
from smalti.systems.almtokenizer.judging import JudgeConfig
from smalti.systems.almtokenizer.mae import MAEConfig
from smalti.train import Cadence, EngineSettings

Stage = Literal["whole", "autoencoder", "codec"]


class SpectralEndsConfig(Settings):
    """Fixed log-mel frames in; causal ConvNeXt blocks and an inverse STFT out. Small and quick to learn."""

    kind: Literal["spectral"] = "spectral"
    hop: int = Field(default=320, gt=0, description="samples of a frame")
    windows: tuple[int, ...] = Field(default=(512, 2048), min_length=1, description="of the spectra that are heard")
    bands: int = Field(default=80, gt=0, description="mel bands of each")
    width: int = Field(default=192, gt=0, description="channels of the head")
    hidden: int = Field(default=576, gt=0, description="channels within a block of it")
    blocks: int = Field(default=4, gt=0)
    n_fft: int = Field(default=1280, gt=0, description="of the inverse STFT; a multiple of twice the hop")


class SeanetEndsConfig(Settings):
    """EnCodec's causal convolutions: a waveform in, frames out, and back."""

    kind: Literal["seanet"] = "seanet"
    dim: int = Field(default=128, gt=0, description="numbers of a frame")
    filters: int = Field(default=32, gt=0, description="channels of the first layer; each stage doubles them")
    ratios: tuple[int, ...] = Field(default=(2, 4, 5, 8), min_length=1, description="strides; their product is the hop")
    kernel: int = Field(default=7, gt=0, description="of the first and the last layer")
    residual_kernel: int = Field(default=3, gt=0, description="of the residual blocks")
    lstm: int = Field(default=2, ge=0, description="layers of the LSTM between convolutions and frames")


EndsConfig = SpectralEndsConfig | SeanetEndsConfig


class QueryNetConfig(Settings):
    """A causal transformer over groups of `window` frames and one query."""

    width: int = Field(default=192, gt=0, description="published: embed_dim")
    layers: int = Field(default=2, gt=0, description="published: n_layers")
    heads: int = Field(default=6, gt=0, description="published: n_heads")
    hidden: int = Field(default=0, ge=0, description="published: dim_feedforward; 0 is 8/3 of the width")
    attention: int = Field(default=32, gt=0, description="rows that a row sees; published: sliding_window_size")


class CodesConfig(Settings):
    """Residual vector quantisation of the queries."""

    codebooks: int = Field(default=3, gt=0, description="Q, in a row")
    vocab: int = Field(default=2048, gt=1, le=65536, description="V, entries of each")
    dim: int = Field(default=48, gt=0, description="numbers of a code vector")
    decay: float = Field(default=0.97, gt=0, lt=1, description="of the moving averages, per step")
    restarts: int = Field(default=32, ge=0, description="most codes of a codebook that begin anew in a step")
    prior: str = Field(default="", description="file of fixed code vectors of the first codebook; see `smalti prior`")


class ModelConfig(Settings):
    """What the tokens of this codec are."""

    sample_rate: int = Field(default=24000, gt=0, description="Hz")
    ends: Annotated[EndsConfig, Field(discriminator="kind")] = SpectralEndsConfig()
    encoder: QueryNetConfig = QueryNetConfig()
    decoder: QueryNetConfig = QueryNetConfig(layers=3)
    codes: CodesConfig = CodesConfig()
    window: int = Field(default=6, gt=0, description="frames of a query, unless a call says otherwise")
    windows: tuple[int, int] = Field(default=(2, 10), description="least and most frames of a query")


class VaryConfig(Settings):
    """What is done to crops at random, so that a small collection is not learnt by heart."""

    gain_db: tuple[float, float] = Field(default=(-12.0, 6.0), description="made louder or softer; peaks stay below 1")
    silent: float = Field(default=0.02, ge=0, le=1, description="share of crops that are silence")
    faint: float = Field(default=0.04, ge=0, le=1, description="share of crops made 20 to 70 dB softer still")
    speed: tuple[float, float] = Field(default=(1.0, 1.0), description="least and most speed, pitch with it")
    equaliser_db: float = Field(default=0.0, ge=0, description="most that any band is made louder or softer")
    together: float = Field(default=0.0, ge=0, le=1, description="share of crops that sound together with another")


class LambdasConfig(Settings):
    """Weights of the losses; 0 is off. Published as training.lambdas."""

    frames: float = Field(default=2.5, ge=0, description="of the decoder's guess of frames, mean absolute")
    mel: float = Field(default=0.1, ge=0, description="of the yardstick, in dB")
    stft: float = Field(default=0.6, ge=0, description="of the magnitudes, mean absolute, in the recording's own mean")
    commitment: float = Field(default=0.25, ge=0, description="of queries to their code vectors, in their variance")
    time: float = Field(default=0.0, ge=0, description="of the samples, mean absolute; published: L_time")
    frequency: float = Field(default=0.0, ge=0, description="of the magnitudes at seven scales; published: L_freq")
    adversarial: float = Field(default=0.0, ge=0, description="of what judges think, if any; published: L_adv")
    features: float = Field(default=0.0, ge=0, description="of what judges hear within; published: L_feat")
    mae: float = Field(default=0.0, ge=0, description="of hidden frames guessed from the others; published: L_mae")
    autoregressive: float = Field(default=0.0, ge=0, description="of later codebooks guessed from earlier ones")


class TrainConfig(Settings):
    """Muon or AdamW with a warm-up and a cosine; first the frames alone are learnt, then their sound as well."""

    stage: Stage = Field(
        default="whole",
        description="whole: all parts at once; autoencoder: the ends alone, without queries and codes; codec: all but "
        "the front, which is held still as --load-path gave it",
    )
    steps: int = Field(default=2000, gt=0)
    seed: int = Field(default=0, ge=0)
    batch: int = Field(default=8, gt=0, description="crops of a step and process; published: batch_size")
    crop: float = Field(default=1.0, gt=0, description="seconds of a crop; published: nsecs")
    learning_rate: float = Field(default=1e-3, gt=0, description="at its peak; published: lr_generator")
    final_rate: float = Field(default=2e-5, ge=0, description="at the end; as the peak for a constant rate")
    warmup: float = Field(default=0.01, ge=0, le=1, description="fraction of the run until the peak")
    matrix_rate: float = Field(
        default=3.0, ge=0, description="rate of the inner matrices, which Muon steps, in that of the rest; 0: all AdamW"
    )
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    quantize_from: float = Field(default=0.05, ge=0, le=1, description="fraction of the run without codebooks")
    start_vectors: int = Field(default=12000, gt=0, description="queries among which the first code vectors are placed")
    sound_from: float = Field(default=0.59, ge=0, le=1, description="fraction of the run in which frames alone count")
    restart_below: float = Field(default=0.3, ge=0, description="share of uniform usage under which a code is idle")
    restart_until: float = Field(default=0.9, ge=0, le=1, description="fraction of the run in which idle codes restart")
    shallow: float = Field(default=0.2, ge=0, le=1, description="share of steps that use the first codebooks only")
    finest: float = Field(default=3.0, gt=0, description="how often the least window is drawn, in times of the others")
    balance: float = Field(
        default=0.5, ge=0, le=1, description="0: every label is heard equally; 1: every second is; roots between"
    )
    memory: int = Field(default=1024, ge=0, description="MiB of waveforms kept; more are read at every step")
    recordings: int = Field(default=0, ge=0, description="the first so many for training; 0 is all")
    held_out: int = Field(default=32, gt=0, description="most recordings of an evaluation, evenly chosen")
    vary: VaryConfig = VaryConfig()
    lambdas: LambdasConfig = LambdasConfig()


class ALMTokenizerConfig(Settings):
    """All of an almtokenizer run."""

    system: Literal["almtokenizer"] = "almtokenizer"
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    judge: JudgeConfig = JudgeConfig()
    mae: MAEConfig = MAEConfig()
    depth: DepthConfig = DepthConfig()
    cadence: Cadence = Cadence()
    engine: EngineSettings = EngineSettings()
