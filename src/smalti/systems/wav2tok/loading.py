"""From a run folder to the tokenizer in it."""

from pathlib import Path

from smalti.config import load_settings
from smalti.store import load_weights
from smalti.systems.wav2tok.config import Wav2TokConfig
from smalti.systems.wav2tok.fronts import find_front
from smalti.systems.wav2tok.model import Wav2Tok
from smalti.systems.wav2tok.net import StringNet
from smalti.train import RunFolder


def load_wav2tok(folder: Path) -> Wav2Tok:
    """Open a run, ready to hear.

    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its settings cannot be read.
    """
    run = RunFolder.open(folder)
    config = load_settings(Wav2TokConfig, run.config_path)
    weights = load_weights(run.weights_path)
    net = StringNet(config.model, find_front(config.model.front).bins)
    run.fill(net, weights.tensors)
    return Wav2Tok(net.eval(), config.model)
