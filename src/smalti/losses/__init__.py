"""Floor 2, losses: pure functions of what was found and what was wanted."""

from smalti.losses.spectral import loud_l2, picture_l1

__all__ = ["loud_l2", "picture_l1"]
