"""Floor 2, losses: pure functions of what was found and what was wanted."""

from smalti.losses.adversarial import adaptive_weight, feature_matching, hinge_discriminator, hinge_generator
from smalti.losses.spectral import loud_l2, picture_l1

__all__ = [
    "adaptive_weight",
    "feature_matching",
    "hinge_discriminator",
    "hinge_generator",
    "loud_l2",
    "picture_l1",
]
