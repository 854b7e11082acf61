"""How a codec is heard when it is given no trained vocoder."""

from smalti.features import MelSettings, Vocoder
from smalti.nn.griffin_lim import GriffinLimVocoder
from smalti.systems.melvqvae.config import VocoderConfig


def griffin_lim_vocoder(config: VocoderConfig, picture: MelSettings) -> Vocoder:
    """Griffin-Lim as the run's settings have it."""
    return GriffinLimVocoder(
        picture,
        inversion_steps=config.inversion_steps,
        iterations=config.iterations,
        window=config.window,
        overlap=config.overlap,
    )
