"""From a run folder to the vocoder in it."""

from pathlib import Path

from smalti.features import find_picture
from smalti.systems.vocoder.config import VocoderRunConfig
from smalti.systems.vocoder.model import NetVocoder
from smalti.systems.vocoder.nets import build
from smalti.train.opening import open_net


def load_vocoder(folder: Path) -> NetVocoder:
    """Open a run, ready to be heard.

    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its settings cannot be read.
    """
    net, config = open_net(
        folder, VocoderRunConfig, lambda config, _: build(config.model, find_picture(config.model.picture))
    )
    return NetVocoder(net, config.model)
