"""From a run folder to the vocoder in it."""

from pathlib import Path

from smalti.config import load_settings
from smalti.features import find_picture
from smalti.store import load_weights
from smalti.systems.vocoder.config import VocoderRunConfig
from smalti.systems.vocoder.model import NetVocoder
from smalti.systems.vocoder.nets import build
from smalti.train import RunFolder


def load_vocoder(folder: Path) -> NetVocoder:
    """Open a run, ready to be heard.

    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its settings cannot be read.
    """
    run = RunFolder.open(folder)
    config = load_settings(VocoderRunConfig, run.config_path)
    weights = load_weights(run.weights_path)
    net = build(config.model, find_picture(config.model.picture))
    run.fill(net, weights.tensors)
    return NetVocoder(net.eval(), config.model)
