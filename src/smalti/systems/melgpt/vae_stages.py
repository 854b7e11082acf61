"""Two stages: the second begins with the encoder of the first and a fresh decoder.

Source: Li et al. 2019 (arXiv:1909.00868): an encoder that has learnt to tell clips apart before its latent costs
anything is not given up when it does.
"""

import tomllib
from pathlib import Path
from typing import Any

from smalti.config import load_settings
from smalti.core import SpecError, TokenSpec
from smalti.store import Weights, load_weights
from smalti.store.checksums import sha256
from smalti.store.words import from_words
from smalti.systems.melgpt.config import MelGPTConfig, VAEConfig
from smalti.train import RunFolder

PART = "encoder"


def encoder_of(folder: Path, model: VAEConfig, spec: TokenSpec) -> Weights:
    """The encoder of a finished run, by its names in the model, with words about where it came from.

    Raises:
        StoreError: if it is no run, not finished or damaged.
        SpecError: if it is another model, of other tokens or other sizes; names found and wanted.
    """
    run = RunFolder.open(folder)
    _refuse_others(run)
    weights, found = load_weights(run.weights_path), load_settings(MelGPTConfig, run.config_path).model
    spec.require(from_words(weights.metadata)[0], f"the tokens of {folder}")
    assert isinstance(found, VAEConfig)
    pairs = {name: (size, _sizes(model)[name]) for name, size in _sizes(found).items()}
    wrong = [f"{name} found {one}, wanted {other}" for name, (one, other) in pairs.items() if one != other]
    if wrong:
        raise SpecError(f"the encoder of {folder} is of other sizes: {'; '.join(wrong)}; give both stages the same")
    tensors = {name: tensor for name, tensor in weights.tensors.items() if name.startswith(f"{PART}.")}
    return Weights(tensors, {"part": PART, "run": folder.resolve().name, "sha256": sha256(run.weights_path)})


def _refuse_others(run: RunFolder) -> None:
    told: dict[str, Any] = tomllib.loads(run.config())
    found = f"{told.get('system')} of kind {told.get('model', {}).get('kind', 'its own')}"
    if found != "melgpt of kind vae":
        raise SpecError(f"{run.path} is a {found}, wanted a melgpt of kind vae; name the run of stage 1")


def _sizes(model: VAEConfig) -> dict[str, int]:
    sizes = model.encoder.model_dump(exclude={"dropout"})
    return {"latent": model.latent, **{f"encoder.{name}": size for name, size in sizes.items()}}
