"""Floor 3, generate: language models make codes or mel frames, one by one, as they are asked."""

from smalti.generate.frames import generate_frames, stream_frames
from smalti.generate.latent_sounds import LatentSound, centroid, gliding, latents_of, morphed, shifted, sound_of
from smalti.generate.latents import Way, between
from smalti.generate.loop import generate, stream
from smalti.generate.masked import generate_masked, inpaint
from smalti.generate.sampling import Filling, Sampling, choose
from smalti.generate.trajectories import SETTING_HELP, Setting, batch_conditions, condition, parse_setting

__all__ = [
    "SETTING_HELP",
    "Filling",
    "LatentSound",
    "Sampling",
    "Setting",
    "Way",
    "batch_conditions",
    "between",
    "centroid",
    "choose",
    "condition",
    "generate",
    "generate_frames",
    "generate_masked",
    "gliding",
    "inpaint",
    "latents_of",
    "morphed",
    "parse_setting",
    "shifted",
    "sound_of",
    "stream",
    "stream_frames",
]
