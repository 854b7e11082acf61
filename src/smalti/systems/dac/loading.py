"""From a run folder to the codec it has learnt."""

from pathlib import Path

from smalti.systems.dac.codec import DAC
from smalti.systems.dac.config import DACConfig
from smalti.systems.dac.net import DACNet
from smalti.train.opening import open_net


def load_dac(folder: Path) -> DAC:
    """Open a run, ready to encode and decode with all its codebooks.

    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its settings cannot be read.
    """
    return DAC(open_net(folder, DACConfig, lambda config, _: DACNet(config.model))[0])
