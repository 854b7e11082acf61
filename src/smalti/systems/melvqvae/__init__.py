"""Mel VQ-VAE: sound as tokens of a mel picture, heard again through Griffin-Lim."""

from smalti.systems.melvqvae.autoencoder import MelAutoencoder
from smalti.systems.melvqvae.config import MelVQVAEConfig
from smalti.systems.melvqvae.loading import load_melvqvae
from smalti.systems.melvqvae.model import MelVQVAE
from smalti.systems.melvqvae.recipe import MelVQVAERecipe

__all__ = ["MelAutoencoder", "MelVQVAE", "MelVQVAEConfig", "MelVQVAERecipe", "load_melvqvae"]
