"""Clusters of any encoder's frames as tokens: what can be heard as vectors can be searched, counted and continued."""

from smalti.systems.kmeans.config import KMeansConfig
from smalti.systems.kmeans.loading import load_kmeans
from smalti.systems.kmeans.recipe import KMeansRecipe

__all__ = ["KMeansConfig", "KMeansRecipe", "load_kmeans"]
