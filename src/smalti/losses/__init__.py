"""Floor 2, losses: pure functions of what was found and what was wanted."""

from smalti.losses.spectral import picture_l1, slope_l1

__all__ = ["picture_l1", "slope_l1"]
