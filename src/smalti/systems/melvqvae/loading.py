"""From a run folder to the codec it has learnt."""

from pathlib import Path

from smalti.config import load_settings
from smalti.store import load_weights
from smalti.systems.melvqvae.autoencoder import MelAutoencoder
from smalti.systems.melvqvae.config import MelVQVAEConfig
from smalti.systems.melvqvae.model import MelVQVAE
from smalti.systems.melvqvae.vocoder import griffin_lim_vocoder
from smalti.train import RunFolder


def load_melvqvae(folder: Path) -> MelVQVAE:
    """Open a run, ready to encode and decode.

    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its settings cannot be read.
    """
    run = RunFolder.open(folder)
    config = load_settings(MelVQVAEConfig, run.config_path)
    weights = load_weights(run.weights_path)
    model = MelAutoencoder(config.model)
    run.fill(model, weights.tensors)
    return MelVQVAE(model.eval(), griffin_lim_vocoder(config.vocoder, model.picture))
