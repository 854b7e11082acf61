"""From a run folder to the net it has learnt: settings, then a net of them, then what the run learnt."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from torch import nn

from smalti.config import Settings, load_settings
from smalti.core import StoreError
from smalti.store import Weights, load_weights
from smalti.train.runs import RunFolder

S = TypeVar("S", bound=Settings)
M = TypeVar("M", bound=nn.Module)


def open_net(folder: Path, settings: type[S], build: Callable[[S, Weights], M]) -> tuple[M, S]:
    """Open a run: its net with the kept weights, ready to be asked, and its settings.

    Args:
        folder: the run.
        settings: the class of its settings.
        build: makes the net, of any weights; what is kept beside the weights may say more of it.
    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another net.
        ConfigError: if its settings cannot be read.
    """
    run = RunFolder.open(folder)
    config = load_settings(settings, run.config_path)
    weights = load_weights(run.weights_path)
    try:
        net = build(config, weights)
        net.load_state_dict(weights.tensors)
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise StoreError(f"{run.weights_path} does not fit {run.config_path.name}; restore both from one run") from None
    return net.eval(), config
