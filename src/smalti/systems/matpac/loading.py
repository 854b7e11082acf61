"""From a run folder to the encoder in it."""

from pathlib import Path

from smalti.config import load_settings
from smalti.store import load_weights
from smalti.systems.matpac.config import MatpacConfig
from smalti.systems.matpac.encoder import MatpacEncoder
from smalti.systems.matpac.net import EncoderNet
from smalti.systems.matpac.tagger import MatpacTagger
from smalti.train import RunFolder
from smalti.train.opening import open_net


def load_matpac(folder: Path) -> MatpacEncoder | MatpacTagger:
    """Open a run, ready to hear; with a classifier in it, ready to tag as well.

    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its settings cannot be read.
    """
    net, config = open_net(folder, MatpacConfig, lambda config, _: EncoderNet(config.model))
    if config.model.precision == "bf16":
        net.halve()
    encoder = MatpacEncoder(net)
    return encoder if net.head is None else MatpacTagger(encoder)


def load_unlearnt_matpac(folder: Path) -> MatpacEncoder:
    """The same net with the weights of torch's random state; its pictures are normalised as the run's are.

    Raises:
        StoreError, ConfigError: as `load_matpac`.
    """
    run = RunFolder.open(folder)
    net = EncoderNet(load_settings(MatpacConfig, run.config_path).model)
    net.statistics.copy_(load_weights(run.weights_path).tensors["statistics"])
    return MatpacEncoder(net.eval())
