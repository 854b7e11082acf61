"""From a run folder to the codec it has learnt."""

from pathlib import Path

from smalti.config import load_settings
from smalti.core import StoreError
from smalti.store import Weights, load_weights
from smalti.systems.almtokenizer.codec import ALMTokenizer
from smalti.systems.almtokenizer.config import ALMTokenizerConfig
from smalti.systems.almtokenizer.net import CENTRES, QueryNet
from smalti.train import RunFolder
from smalti.train.opening import open_net


def load_almtokenizer(folder: Path) -> ALMTokenizer:
    """Open a run, ready to encode and decode at the window of its settings.

    Raises:
        StoreError: if it is no run, has no weights yet, they are damaged or of another model, or it is a first stage.
        ConfigError: if its settings cannot be read.
    """

    def build(config: ALMTokenizerConfig, weights: Weights) -> QueryNet:
        if config.train.stage == "autoencoder":
            raise StoreError(
                f"{folder} is a first stage, which knows no codes; train the second on it: "
                f"smalti train almtokenizer/stage2 --load-path {folder}"
            )
        # the centres of a prior are among the weights: the file that they came from is not asked for again
        return QueryNet(config.model, centres=weights.tensors.get(CENTRES) if config.model.codes.prior else None)

    return ALMTokenizer(open_net(folder, ALMTokenizerConfig, build)[0])


def load_unlearnt_almtokenizer(folder: Path) -> ALMTokenizer:
    """The same net with the weights of torch's random state.

    Raises:
        StoreError, ConfigError: if it is no run, or its settings or weights cannot be read.
    """
    run = RunFolder.open(folder)
    config = load_settings(ALMTokenizerConfig, run.config_path)
    kept = load_weights(run.weights_path).tensors if config.model.codes.prior else {}
    return ALMTokenizer(QueryNet(config.model, centres=kept.get(CENTRES)).eval())
