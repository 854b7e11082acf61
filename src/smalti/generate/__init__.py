"""Floor 3, generate: token language models make codes, frame by frame, as they are asked."""

from smalti.generate.loop import generate, stream
from smalti.generate.sampling import Sampling, choose
from smalti.generate.trajectories import SETTING_HELP, Setting, batch_conditions, condition, parse_setting

__all__ = [
    "SETTING_HELP",
    "Sampling",
    "Setting",
    "batch_conditions",
    "choose",
    "condition",
    "generate",
    "parse_setting",
    "stream",
]
