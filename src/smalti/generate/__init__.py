"""Floor 3, generate: language models make codes or mel frames, one by one, as they are asked."""

from smalti.generate.frames import generate_frames, stream_frames
from smalti.generate.guidance import parse_guidance
from smalti.generate.latent_sounds import LatentSound, centroid, gliding, latents_of, morphed, shifted, sound_of
from smalti.generate.latents import Way, between
from smalti.generate.live import Dial, Knobs, Turn, block_frames, course, sound_stream
from smalti.generate.loop import generate, stream
from smalti.generate.masked import generate_masked, inpaint
from smalti.generate.morphs import LABEL_HELP, LabelCourse, in_turn, parse_labels
from smalti.generate.sampling import Filling, Sampling, choose
from smalti.generate.trajectories import COURSES, SETTING_HELP, Setting, batch_conditions, condition, parse_setting

__all__ = [
    "COURSES",
    "LABEL_HELP",
    "SETTING_HELP",
    "Dial",
    "Filling",
    "Knobs",
    "LabelCourse",
    "LatentSound",
    "Sampling",
    "Setting",
    "Turn",
    "Way",
    "batch_conditions",
    "between",
    "block_frames",
    "centroid",
    "choose",
    "condition",
    "course",
    "generate",
    "generate_frames",
    "generate_masked",
    "gliding",
    "in_turn",
    "inpaint",
    "latents_of",
    "morphed",
    "parse_guidance",
    "parse_labels",
    "parse_setting",
    "shifted",
    "sound_of",
    "sound_stream",
    "stream",
    "stream_frames",
]
