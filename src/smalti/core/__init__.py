"""Floor 0, the words: audio, tokens, conditions, abilities and errors. No networks, no files."""

from smalti.core.audio import Audio
from smalti.core.conditions import Condition, Parameter, Scale, Schema
from smalti.core.errors import ConfigError, DataError, ParameterError, SmaltiError, SpecError, StoreError, nearest
from smalti.core.extras import need
from smalti.core.protocols import (
    Codec,
    CodecViews,
    DecoderStream,
    Embedding,
    Encoder,
    EncoderStream,
    LanguageModel,
    LatentCodec,
    LatentLM,
    LayeredEncoder,
    MaskedLM,
    Posterior,
    QuickCodec,
    SoftTokenizer,
    Stepper,
    StreamingCodec,
    StreamingTokenizer,
    Tagger,
    Tokenizer,
    TokenLM,
)
from smalti.core.tokens import Tokens, TokenSpec
from smalti.core.views import fitted

__all__ = [
    "Audio",
    "Codec",
    "CodecViews",
    "Condition",
    "ConfigError",
    "DataError",
    "DecoderStream",
    "Embedding",
    "Encoder",
    "EncoderStream",
    "LanguageModel",
    "LatentCodec",
    "LatentLM",
    "LayeredEncoder",
    "MaskedLM",
    "Parameter",
    "ParameterError",
    "Posterior",
    "QuickCodec",
    "Scale",
    "Schema",
    "SmaltiError",
    "SoftTokenizer",
    "SpecError",
    "Stepper",
    "StoreError",
    "StreamingCodec",
    "StreamingTokenizer",
    "Tagger",
    "TokenLM",
    "TokenSpec",
    "Tokenizer",
    "Tokens",
    "fitted",
    "nearest",
    "need",
]
