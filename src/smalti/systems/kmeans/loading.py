"""From a run folder to the tokenizer in it."""

from pathlib import Path

from smalti.config import load_settings
from smalti.core import Encoder, StoreError
from smalti.quantize import KMeansTokenizer
from smalti.systems.kmeans.config import KMeansConfig
from smalti.train import RunFolder
from smalti.train.prior import load_prior


def load_kmeans(folder: Path, encoder: Encoder, *, fingerprint: str) -> KMeansTokenizer:
    """Open a run, ready to make tokens.

    Args:
        folder: of the run.
        encoder: that it hears with.
        fingerprint: of that encoder.
    Raises:
        StoreError: if it is no run, has no weights yet, they are damaged, or the encoder is another than it learnt of.
        ConfigError: if its settings cannot be read.
    """
    run = RunFolder.open(folder)
    name, prior = load_settings(KMeansConfig, run.config_path).model.encoder, load_prior(run.weights_path)
    if prior.encoder != fingerprint:
        found, wanted = fingerprint[:12], prior.encoder[:12]
        raise StoreError(f"{name} is the encoder {found}, {folder} clusters frames of {wanted}; give that one back")
    return prior.tokenizer(encoder)
