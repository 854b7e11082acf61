"""Floor 2, losses: pure functions of what was found and what was wanted."""

from smalti.losses.adversarial import (
    adaptive_weight,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    least_squares_discriminator,
    least_squares_generator,
    relative_feature_matching,
    summed_feature_matching,
)
from smalti.losses.aligned import aligned_prediction, warping_partners
from smalti.losses.codec import SpectralDistances, yardstick
from smalti.losses.ctc import blank_free_ctc, collapsed, contrastive, pair_log_likelihoods, unbalance
from smalti.losses.ends import ended
from smalti.losses.frames import FRAME_SCALES, frame_distance, frame_log_density
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
from smalti.losses.matching import Likeness, matching, prototypes
from smalti.losses.multi_scale import PUBLISHED_BANDS, PUBLISHED_SCALES, multi_scale_mel, multi_scale_stft, time_l1
from smalti.losses.spectral import frames_l1, loud_l2, picture_l1
from smalti.losses.waveform import PUBLISHED_RESOLUTIONS, Resolution, mel_l1, multi_resolution_stft

__all__ = [
    "FRAME_SCALES",
    "PUBLISHED_BANDS",
    "PUBLISHED_RESOLUTIONS",
    "PUBLISHED_SCALES",
    "FreeBits",
    "Likeness",
    "Resolution",
    "SpectralDistances",
    "active_units",
    "adaptive_weight",
    "aligned_prediction",
    "angle_loss",
    "assignment",
    "blank_free_ctc",
    "choice_weights",
    "collapsed",
    "contrastive",
    "ended",
    "feature_matching",
    "frame_distance",
    "frame_log_density",
    "frames_l1",
    "free_divergence",
    "hinge_discriminator",
    "hinge_generator",
    "importance_bound",
    "importance_weights",
    "least_squares_discriminator",
    "least_squares_generator",
    "log_density",
    "loud_l2",
    "matching",
    "mel_l1",
    "multi_resolution_stft",
    "multi_scale_mel",
    "multi_scale_stft",
    "mutual_information",
    "pair_log_likelihoods",
    "picture_l1",
    "prior_divergence",
    "prototype_loss",
    "prototypes",
    "relative_feature_matching",
    "summed_feature_matching",
    "time_l1",
    "unbalance",
    "warping_partners",
    "yardstick",
]
