"""Melformer's model: the shared frame transformer in the sizes of a config."""

from pathlib import Path

from smalti.core import Schema
from smalti.features import find_picture
from smalti.nn.frame_lm import FrameTransformer
from smalti.nn.transformer import TransformerSettings
from smalti.store.words import schema_from_words
from smalti.systems.melformer.config import MelformerConfig
from smalti.train.opening import open_net


def build_melformer(config: MelformerConfig, *, schema: Schema) -> FrameTransformer:
    """A fresh model, a `features.FrameLM`.

    Args:
        config: its picture and sizes.
        schema: what it can be told.
    Raises:
        ParameterError: if the picture is unknown, or the sizes do not fit each other.
    """
    model = config.model
    transformer = TransformerSettings(**model.model_dump(exclude={"picture", "head", "components"}))
    return FrameTransformer(
        picture=find_picture(model.picture),
        schema=schema,
        components=model.components if model.head == "mixture" else 0,
        transformer=transformer,
    )


def load_melformer(folder: Path) -> FrameTransformer:
    """Open a run: the averaged weights, ready to be asked.

    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its settings cannot be read.
    """
    model, _ = open_net(
        folder,
        MelformerConfig,
        lambda config, weights: build_melformer(config, schema=schema_from_words(weights.metadata)),
    )
    return model
