"""wav2tok: strings of learnt tokens, by which sounds find each other."""

from smalti.systems.wav2tok.config import Wav2TokConfig
from smalti.systems.wav2tok.loading import load_wav2tok
from smalti.systems.wav2tok.model import Wav2Tok
from smalti.systems.wav2tok.recipe import Wav2TokRecipe

__all__ = ["Wav2Tok", "Wav2TokConfig", "Wav2TokRecipe", "load_wav2tok"]
