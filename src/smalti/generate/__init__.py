"""Floor 3, generate: token language models make codes, frame by frame, as they are asked."""

from smalti.generate.loop import generate, stream
from smalti.generate.masked import generate_masked, inpaint
from smalti.generate.sampling import Filling, Sampling, choose
from smalti.generate.trajectories import SETTING_HELP, Setting, batch_conditions, condition, parse_setting

__all__ = [
    "SETTING_HELP",
    "Filling",
    "Sampling",
    "Setting",
    "batch_conditions",
    "choose",
    "condition",
    "generate",
    "generate_masked",
    "inpaint",
    "parse_setting",
    "stream",
]
