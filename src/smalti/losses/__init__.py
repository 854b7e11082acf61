"""Floor 2, losses: pure functions of what was found and what was wanted."""

from smalti.losses.adversarial import adaptive_weight, feature_matching, hinge_discriminator, hinge_generator
from smalti.losses.spectral import loud_l2, picture_l1
from smalti.losses.waveform import PUBLISHED_RESOLUTIONS, Resolution, mel_l1, multi_resolution_stft

__all__ = [
    "PUBLISHED_RESOLUTIONS",
    "Resolution",
    "adaptive_weight",
    "feature_matching",
    "hinge_discriminator",
    "hinge_generator",
    "loud_l2",
    "mel_l1",
    "multi_resolution_stft",
    "picture_l1",
]
