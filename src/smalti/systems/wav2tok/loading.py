"""From a run folder to the tokenizer in it."""

from pathlib import Path

from smalti.systems.wav2tok.config import Wav2TokConfig
from smalti.systems.wav2tok.fronts import find_front
from smalti.systems.wav2tok.model import Wav2Tok
from smalti.systems.wav2tok.net import StringNet
from smalti.train.opening import open_net


def load_wav2tok(folder: Path) -> Wav2Tok:
    """Open a run, ready to hear.

    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its settings cannot be read.
    """
    net, config = open_net(
        folder, Wav2TokConfig, lambda config, _: StringNet(config.model, find_front(config.model.front).bins)
    )
    return Wav2Tok(net, config.model)
