"""From a run folder to the encoder in it."""

from pathlib import Path

from smalti.config import load_settings
from smalti.core import StoreError
from smalti.store import load_weights
from smalti.systems.matpac.config import MatpacConfig
from smalti.systems.matpac.encoder import MatpacEncoder
from smalti.systems.matpac.net import EncoderNet
from smalti.train import RunFolder


def load_matpac(folder: Path) -> MatpacEncoder:
    """Open a run, ready to hear.

    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its settings cannot be read.
    """
    run = RunFolder.open(folder)
    config = load_settings(MatpacConfig, run.config_path)
    weights = load_weights(run.weights_path)
    net = EncoderNet(config.model)
    try:
        net.load_state_dict(weights.tensors)
    except RuntimeError:
        raise StoreError(f"{run.weights_path} does not fit {run.config_path.name}; restore both from one run") from None
    return MatpacEncoder(net.eval())
