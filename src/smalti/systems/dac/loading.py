"""From a run folder to the codec it has learnt."""

from pathlib import Path

from smalti.config import load_settings
from smalti.store import load_weights
from smalti.systems.dac.codec import DAC
from smalti.systems.dac.config import DACConfig
from smalti.systems.dac.net import DACNet
from smalti.train import RunFolder


def load_dac(folder: Path) -> DAC:
    """Open a run, ready to encode and decode with all its codebooks.

    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its settings cannot be read.
    """
    run = RunFolder.open(folder)
    config = load_settings(DACConfig, run.config_path)
    net = DACNet(config.model)
    run.fill(net, load_weights(run.weights_path).tensors)
    return DAC(net.eval())
