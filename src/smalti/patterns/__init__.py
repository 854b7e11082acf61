"""Patterns: how Q parallel code streams become the rows a language model reads, one row per step.

How the codes of a frame are ordered is the choice of a model; every other room works on `[batch, codebook, frame]`.
"""

from smalti.patterns.patterns import PATTERNS, Pattern, find_pattern

__all__ = ["PATTERNS", "Pattern", "find_pattern"]
