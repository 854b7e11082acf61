"""Settings of the query-token codec: its ends, query nets and codes."""

from typing import Annotated, Literal

from pydantic import Field

from smalti.config import Settings


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
