"""The one explicit list of systems. A new one is a folder and an entry here.

An entry imports its system when it is asked: opening one does not cost all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from smalti.config import Settings, load_settings
from smalti.core import Codec, Encoder, LanguageModel, Tokenizer, TokenLM
from smalti.features import FrameLM, Vocoder
from smalti.train import Engine, Recipe

CONFIG, TOKENIZER, ENCODER = "config.toml", "tokenizer", "encoder"
Model = Tokenizer | Encoder | LanguageModel | FrameLM | Vocoder


@dataclass(frozen=True, slots=True)
class Learning:
    """How a system learns.

    Attributes:
        settings: gives the class of its settings; they hold `train.steps`, `train.seed`, `cadence` and `engine`.
        recipe: makes a recipe of settings, data and engine.
        data: what it learns from.
        hears: whether it learns of the frames of another run, `model.encoder`, which the run then keeps.
    """

    settings: Callable[[], type[Settings]]
    recipe: Callable[[Any, Path, Engine], Recipe]
    data: Literal["manifest", "store"]
    hears: bool = False


@dataclass(frozen=True, slots=True)
class System:
    """One system as the doors know it.

    Attributes:
        load: opens a run folder of it.
        learning: None if there is nothing to learn.
    """

    load: Callable[[Path], Model]
    learning: Learning | None = None


def _mulaw(folder: Path) -> Codec:
    from smalti.systems.mulaw import MuLaw, MuLawConfig

    return MuLaw(load_settings(MuLawConfig, folder / CONFIG))


def _melvqvae(folder: Path) -> Codec:
    from smalti.systems.melvqvae import load_melvqvae

    return load_melvqvae(folder)


def _melvqvae_settings() -> type[Settings]:
    from smalti.systems.melvqvae import MelVQVAEConfig

    return MelVQVAEConfig


def _melvqvae_recipe(settings: Any, data: Path, engine: Engine) -> Recipe:
    from smalti.data.manifest import Manifest
    from smalti.systems.melvqvae import MelVQVAERecipe

    return MelVQVAERecipe(settings, Manifest.read(data), engine=engine)


def _wav2tok(folder: Path) -> Tokenizer:
    from smalti.systems.wav2tok import load_wav2tok

    return load_wav2tok(folder)


def _wav2tok_settings() -> type[Settings]:
    from smalti.systems.wav2tok import Wav2TokConfig

    return Wav2TokConfig


def _wav2tok_recipe(settings: Any, data: Path, engine: Engine) -> Recipe:
    from smalti.data.manifest import Manifest
    from smalti.systems.wav2tok import Wav2TokRecipe

    return Wav2TokRecipe(settings, Manifest.read(data), engine=engine)


def _vocoder(folder: Path) -> Vocoder:
    from smalti.systems.vocoder import load_vocoder as open_run

    return open_run(folder)


def _vocoder_settings() -> type[Settings]:
    from smalti.systems.vocoder import VocoderRunConfig

    return VocoderRunConfig


def _vocoder_recipe(settings: Any, data: Path, engine: Engine) -> Recipe:
    from smalti.data.manifest import Manifest
    from smalti.systems.vocoder import VocoderRecipe

    return VocoderRecipe(settings, Manifest.read(data), engine=engine)


def _almtokenizer(folder: Path) -> Codec:
    from smalti.systems.almtokenizer import load_almtokenizer

    return load_almtokenizer(folder)


def _almtokenizer_settings() -> type[Settings]:
    from smalti.systems.almtokenizer import ALMTokenizerConfig

    return ALMTokenizerConfig


def _almtokenizer_recipe(settings: Any, data: Path, engine: Engine) -> Recipe:
    from smalti.data.manifest import Manifest
    from smalti.systems.almtokenizer import ALMTokenizerRecipe

    return ALMTokenizerRecipe(settings, Manifest.read(data), engine=engine)


def _dac(folder: Path) -> Codec:
    from smalti.systems.dac import load_dac

    return load_dac(folder)


def _dac_settings() -> type[Settings]:
    from smalti.systems.dac import DACConfig

    return DACConfig


def _dac_recipe(settings: Any, data: Path, engine: Engine) -> Recipe:
    from smalti.data.manifest import Manifest
    from smalti.systems.dac import DACRecipe

    return DACRecipe(settings, Manifest.read(data), engine=engine)


def _kmeans(folder: Path) -> Tokenizer:
    from smalti.systems.encoders import named_encoder
    from smalti.systems.kmeans import KMeansConfig, load_kmeans

    model, kept = load_settings(KMeansConfig, folder / CONFIG).model, folder / ENCODER
    named = named_encoder(kept if (kept / CONFIG).is_file() else model.encoder, layer=model.layer)
    return load_kmeans(folder, named.encoder, fingerprint=named.fingerprint)


def _kmeans_settings() -> type[Settings]:
    from smalti.systems.kmeans import KMeansConfig

    return KMeansConfig


def _kmeans_recipe(settings: Any, data: Path, engine: Engine) -> Recipe:
    from smalti.data.manifest import Manifest
    from smalti.systems.encoders import named_encoder
    from smalti.systems.kmeans import KMeansRecipe

    named = named_encoder(settings.model.encoder, layer=settings.model.layer)
    manifest = Manifest.read(data)
    return KMeansRecipe(
        settings, manifest, named.encoder, name=named.name, fingerprint=named.fingerprint, engine=engine
    )


def _synthformer(folder: Path) -> TokenLM:
    from smalti.systems.synthformer import load_synthformer

    return load_synthformer(folder)


def _synthformer_settings() -> type[Settings]:
    from smalti.systems.synthformer import SynthformerConfig

    return SynthformerConfig


def _synthformer_recipe(settings: Any, data: Path, engine: Engine) -> Recipe:
    from smalti.store import TokenStore
    from smalti.systems.synthformer import synthformer_recipe

    return synthformer_recipe(settings, [TokenStore.open(data)], engine=engine)


def _melformer(folder: Path) -> FrameLM:
    from smalti.systems.melformer import load_melformer

    return load_melformer(folder)


def _melformer_settings() -> type[Settings]:
    from smalti.systems.melformer import MelformerConfig

    return MelformerConfig


def _melformer_recipe(settings: Any, data: Path, engine: Engine) -> Recipe:
    from smalti.data.manifest import Manifest
    from smalti.systems.melformer import MelformerRecipe

    return MelformerRecipe(settings, Manifest.read(data), engine=engine)


def _melgpt(folder: Path) -> LanguageModel:
    from smalti.systems.melgpt import load_melgpt

    return load_melgpt(folder)


def _melgpt_settings() -> type[Settings]:
    from smalti.systems.melgpt import MelGPTConfig

    return MelGPTConfig


def _melgpt_recipe(settings: Any, data: Path, engine: Engine) -> Recipe:
    from smalti.store import TokenStore
    from smalti.systems.melgpt import melgpt_recipe
    from smalti.systems.registry import load_tokenizer_of

    stores, run = [TokenStore.open(data)], data / TOKENIZER
    found = load_tokenizer_of(run, stores[0].spec) if (run / CONFIG).is_file() else None
    return melgpt_recipe(settings, stores, engine=engine, codec=found if isinstance(found, Codec) else None)


def _matpac(folder: Path) -> Encoder:
    from smalti.systems.matpac import load_matpac

    return load_matpac(folder)


def _matpac_settings() -> type[Settings]:
    from smalti.systems.matpac import MatpacConfig

    return MatpacConfig


def _matpac_recipe(settings: Any, data: Path, engine: Engine) -> Recipe:
    from smalti.data.manifest import Manifest
    from smalti.systems.matpac import MatpacRecipe

    return MatpacRecipe(settings, Manifest.read(data), engine=engine)


SYSTEMS: Mapping[str, System] = {
    "mulaw": System(_mulaw),
    "melvqvae": System(_melvqvae, Learning(_melvqvae_settings, _melvqvae_recipe, "manifest")),
    "almtokenizer": System(_almtokenizer, Learning(_almtokenizer_settings, _almtokenizer_recipe, "manifest")),
    "dac": System(_dac, Learning(_dac_settings, _dac_recipe, "manifest")),
    "matpac": System(_matpac, Learning(_matpac_settings, _matpac_recipe, "manifest")),
    "kmeans": System(_kmeans, Learning(_kmeans_settings, _kmeans_recipe, "manifest", hears=True)),
    "wav2tok": System(_wav2tok, Learning(_wav2tok_settings, _wav2tok_recipe, "manifest")),
    "vocoder": System(_vocoder, Learning(_vocoder_settings, _vocoder_recipe, "manifest")),
    "synthformer": System(_synthformer, Learning(_synthformer_settings, _synthformer_recipe, "store")),
    "melformer": System(_melformer, Learning(_melformer_settings, _melformer_recipe, "manifest")),
    "melgpt": System(_melgpt, Learning(_melgpt_settings, _melgpt_recipe, "store")),
}
