"""From a run folder to the codec it has learnt."""

from pathlib import Path

from smalti.systems.melvqvae.autoencoder import MelAutoencoder
from smalti.systems.melvqvae.config import MelVQVAEConfig
from smalti.systems.melvqvae.model import MelVQVAE
from smalti.systems.melvqvae.vocoder import griffin_lim_vocoder
from smalti.train.opening import open_net


def load_melvqvae(folder: Path) -> MelVQVAE:
    """Open a run, ready to encode and decode.

    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its settings cannot be read.
    """
    model, config = open_net(folder, MelVQVAEConfig, lambda config, _: MelAutoencoder(config.model))
    return MelVQVAE(model, griffin_lim_vocoder(config.vocoder, model.picture))
