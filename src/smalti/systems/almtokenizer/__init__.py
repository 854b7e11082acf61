"""ALMTokenizer: a waveform codec of very low rates, whose tokens are learnable queries."""

from smalti.systems.almtokenizer.codec import ALMTokenizer
from smalti.systems.almtokenizer.config import ModelConfig
from smalti.systems.almtokenizer.net import QueryNet

__all__ = ["ALMTokenizer", "ModelConfig", "QueryNet"]
