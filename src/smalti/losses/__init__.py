"""Floor 2, losses: pure functions of what was found and what was wanted."""

from smalti.losses.adversarial import (
    adaptive_weight,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    relative_feature_matching,
)
from smalti.losses.codec import SpectralDistances
from smalti.losses.ends import ended
from smalti.losses.latents import (
    FreeBits,
    active_units,
    free_divergence,
    importance_bound,
    importance_weights,
    log_density,
    mutual_information,
    prior_divergence,
)
from smalti.losses.masked_latents import angle_loss, assignment, choice_weights, prototype_loss
from smalti.losses.multi_scale import PUBLISHED_SCALES, multi_scale_stft, time_l1
from smalti.losses.spectral import loud_l2, picture_l1
from smalti.losses.waveform import PUBLISHED_RESOLUTIONS, Resolution, mel_l1, multi_resolution_stft

__all__ = [
    "PUBLISHED_RESOLUTIONS",
    "PUBLISHED_SCALES",
    "FreeBits",
    "Resolution",
    "SpectralDistances",
    "active_units",
    "adaptive_weight",
    "angle_loss",
    "assignment",
    "choice_weights",
    "ended",
    "feature_matching",
    "free_divergence",
    "hinge_discriminator",
    "hinge_generator",
    "importance_bound",
    "importance_weights",
    "log_density",
    "loud_l2",
    "mel_l1",
    "multi_resolution_stft",
    "multi_scale_stft",
    "mutual_information",
    "picture_l1",
    "prior_divergence",
    "prototype_loss",
    "relative_feature_matching",
    "time_l1",
]
