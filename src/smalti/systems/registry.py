"""The one explicit list of systems, and how a preset, a run folder or a shipped name becomes one of them.

A new system is a folder and an entry here. An entry imports its system when it is asked: opening one does not cost all.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from smalti.config import Settings, load_settings
from smalti.core import (
    Codec,
    ConfigError,
    Encoder,
    LanguageModel,
    LayeredEncoder,
    MaskedLM,
    ParameterError,
    SpecError,
    StoreError,
    Tokenizer,
    TokenLM,
    TokenSpec,
    fitted,
    nearest,
)
from smalti.features import LogMelEncoder, Vocoder
from smalti.systems.hearing import OWN_RATE, RunName, heard_as, heard_through, seen
from smalti.systems.pretrained import is_pretrained, load_pretrained
from smalti.train import Engine, Recipe

CONFIG, TOKENIZER, LOG_MEL = "config.toml", "tokenizer", "log-mel"
_HERE = Path(__file__).parent
_Ability = TypeVar("_Ability")
Model = Tokenizer | Encoder | LanguageModel | Vocoder


@dataclass(frozen=True, slots=True)
class Learning:
    """How a system learns.

    Attributes:
        settings: gives the class of its settings; they hold `train.steps`, `train.seed`, `cadence` and `engine`.
        recipe: makes a recipe of settings, data and engine.
        data: what it learns from.
    """

    settings: Callable[[], type[Settings]]
    recipe: Callable[[Any, Path, Engine], Recipe]
    data: Literal["manifest", "store"]


@dataclass(frozen=True, slots=True)
class System:
    """One system as the doors know it.

    Attributes:
        load: opens a run folder of it.
        learning: None if there is nothing to learn.
    """

    load: Callable[[Path], Model]
    learning: Learning | None = None


def load(run: str | Path) -> Model:
    """Open what a run has learnt, or a shipped model by its name.

    Raises:
        StoreError: if it is neither, has no weights yet, or is damaged; says what was found and what is near.
    """
    folder = find_run(run)
    return SYSTEMS[system_of(folder)].load(folder)


def find_run(run: RunName) -> Path:
    """The folder of a run, or of a shipped model by its name."""
    name = heard_as(run).run
    folder = Path(name)
    return SHIPPED.get(str(name), folder) if not folder.exists() else folder


def load_codec(run: RunName) -> Codec:
    """Open a codec, a run of one or a shipped one by its name: at the rate, and through the vocoder, named with it.

    Raises:
        StoreError: as `load`.
        SpecError, ParameterError: if it is something else, or rate or vocoder do not fit; see `smalti.systems.hearing`.
    """
    named = heard_as(run)
    codec = seen(_able(named.run, load(named.run), Codec, "a codec"), named)
    return codec if named.vocoder is None else heard_through(codec, load_vocoder(named.vocoder), named)


def load_codec_of(run: RunName, spec: TokenSpec) -> Codec:
    """Open the codec that tokens of this spec belong to, such as a language model's own: the view that made them.

    Raises:
        StoreError, ParameterError: as `load_codec`.
        SpecError: as `load_codec`, or if it is another codec than that of the spec.
    """
    return fitted(load_codec(run), spec, f"the tokens beside {heard_as(run).run}")


def load_tokenizer(run: RunName) -> Tokenizer:
    """Open what makes tokens of sound, whether or not they can be heard again: at the rate named with it.

    Raises:
        StoreError: as `load`.
        SpecError, ParameterError: if it is something else, or rate or vocoder do not fit.
    """
    named = heard_as(run)
    model = load(named.run)
    if isinstance(model, Codec):
        return load_codec(run)
    if named.view != OWN_RATE or named.vocoder is not None:
        raise SpecError(f"{named.run} has one rate and cannot be heard; leave {named.view or '--vocoder'} out")
    return _able(named.run, model, Tokenizer, "a tokenizer")


def load_tokenizer_of(run: RunName, spec: TokenSpec) -> Tokenizer:
    """Open the tokenizer that tokens of this spec belong to: the view that made them.

    Raises:
        StoreError, ParameterError: as `load_tokenizer`.
        SpecError: as `load_tokenizer`, or if it is another one than that of the spec.
    """
    tokenizer, what = load_tokenizer(run), f"the tokens beside {heard_as(run).run}"
    if isinstance(tokenizer, Codec):
        return fitted(tokenizer, spec, what)
    tokenizer.spec.require(spec, what)
    return tokenizer


def load_encoder(run: RunName, *, layer: int | None = None) -> Encoder:
    """Open what hears sound as vectors.

    Args:
        run: a run of an encoder, or of a codec that is one, at the rate named with it; `log-mel`, which is always
            there; or a folder of `transformers`.
        layer: of an encoder that has several, whose states are the vectors; None is the last.
    Raises:
        StoreError: as `load`.
        SpecError, ParameterError: if it is something else, or does not have the rate or layer.
    """
    named = heard_as(run)
    if is_pretrained(find_run(run)):
        return load_pretrained(find_run(run), layer=layer)
    model = LogMelEncoder() if str(named.run) == LOG_MEL else load(named.run)
    encoder = _able(named.run, seen(model, named) if isinstance(model, Codec) else model, Encoder, "an encoder")
    if layer is None:
        return encoder
    if not isinstance(encoder, LayeredEncoder):
        raise ParameterError(f"found layer {layer} for {named.run}, which has none to choose from; leave it out")
    return encoder.at_layer(layer)


def load_lm(run: str | Path) -> TokenLM:
    """Open the run of a language model that continues.

    Raises:
        StoreError: as `load`.
        SpecError: if it is something else.
    """
    return _able(run, load(run), TokenLM, "a language model that continues")


def load_language_model(run: str | Path) -> LanguageModel:
    """Open a language model's run, whether it continues or fills gaps.

    Raises:
        StoreError: as `load`.
        SpecError: if it is something else.
    """
    model = load(run)
    return model if isinstance(model, MaskedLM) else _able(run, model, TokenLM, "a language model")


def load_vocoder(run: str | Path) -> Vocoder:
    """Open a vocoder's run.

    Raises:
        StoreError: as `load`.
        SpecError: if it is something else.
    """
    return _able(run, load(run), Vocoder, "a vocoder")


def system_of(run: Path) -> str:
    """Name of the system that a run folder belongs to.

    Raises:
        StoreError: if it is no run folder; says what was found, what was wanted and what is near.
    """
    if not (run / CONFIG).is_file():
        raise StoreError(f"{run} is {_found(run)}, wanted a run folder; {_near(run)}")
    return _system_in(run / CONFIG, StoreError)


def find_preset(name: str) -> tuple[str, Path]:
    """The system and the settings file of a preset such as `melvqvae/tiny`, or of a TOML file of one's own.

    Raises:
        ConfigError: if it is unknown (names the nearest) or the file does not name a system.
    """
    if name in presets():
        system, _, size = name.partition("/")
        return system, _HERE / system / "presets" / f"{size}.toml"
    if Path(name).is_file():
        return _system_in(Path(name), ConfigError), Path(name)
    raise ConfigError(f"preset {name!r} is unknown and no such file is there; {nearest(name, presets())}")


def presets() -> list[str]:
    """Names of all presets."""
    found = [f"{name}/{path.stem}" for name in SYSTEMS for path in (_HERE / name / "presets").glob("*.toml")]
    return sorted(found)


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


def _melgpt(folder: Path) -> LanguageModel:
    from smalti.systems.melgpt import load_melgpt

    return load_melgpt(folder)


def _melgpt_settings() -> type[Settings]:
    from smalti.systems.melgpt import MelGPTConfig

    return MelGPTConfig


def _melgpt_recipe(settings: Any, data: Path, engine: Engine) -> Recipe:
    from smalti.store import TokenStore
    from smalti.systems.melgpt import melgpt_recipe

    stores, codec = [TokenStore.open(data)], data / TOKENIZER
    heard = load_codec_of(codec, stores[0].spec) if (codec / CONFIG).is_file() else None
    return melgpt_recipe(settings, stores, engine=engine, codec=heard)


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
    "vocoder": System(_vocoder, Learning(_vocoder_settings, _vocoder_recipe, "manifest")),
    "synthformer": System(_synthformer, Learning(_synthformer_settings, _synthformer_recipe, "store")),
    "matpac": System(_matpac, Learning(_matpac_settings, _matpac_recipe, "manifest")),
    "melgpt": System(_melgpt, Learning(_melgpt_settings, _melgpt_recipe, "store")),
}
SHIPPED: Mapping[str, Path] = {"mulaw": _HERE / "mulaw" / "shipped"}


def _able(run: str | Path, model: Model, ability: type[_Ability], wanted: str) -> _Ability:
    if isinstance(model, ability):
        return model
    found, remedy = {
        isinstance(model, Encoder): ("an encoder", "cluster its frames for tokens (smalti train kmeans)"),
        isinstance(model, Tokenizer): ("a tokenizer whose tokens cannot be heard", "search with it, or name another"),
        isinstance(model, Codec): ("a codec", "a language model learns from its tokens, a vocoder from recordings"),
        isinstance(model, TokenLM): ("a language model", f"its own codec lies in {run}/{TOKENIZER}"),
        isinstance(model, MaskedLM): ("a language model that fills gaps", f"its own codec lies in {run}/{TOKENIZER}"),
        isinstance(model, Vocoder): ("a vocoder", "give it to --vocoder beside a codec, or name another run"),
    }[True]
    raise SpecError(f"{run} is {found}, wanted {wanted}; {remedy}")


def _system_in(config: Path, error: type[ConfigError] | type[StoreError]) -> str:
    try:
        name = tomllib.loads(config.read_text("utf-8")).get("system")
    except (OSError, ValueError) as problem:
        raise error(f"{config} cannot be read as settings: {problem}; repair it or name another") from None
    if name not in SYSTEMS:
        raise error(f"{config} says system = {name!r}, which is none; {nearest(str(name), SYSTEMS)}")
    return str(name)


def _found(path: Path) -> str:
    if path.is_file():
        return f"a {path.suffix} file" if path.suffix else "a file"
    if not path.exists():
        return f"not there, nor the name of a shipped model ({', '.join(SHIPPED)})"
    if (path / "index.json").is_file():
        return "a token store"
    return f"a folder without {CONFIG}" if any(path.iterdir()) else "an empty folder"


def _near(path: Path) -> str:
    """Runs inside a folder, or else beside it."""
    inside = [f"{path / child.parent.name}" for child in sorted(path.glob(f"*/{CONFIG}"))]
    if inside:
        return f"did you mean {inside[0]!r}?"
    beside = [child.parent.name for child in sorted(path.absolute().parent.glob(f"*/{CONFIG}"))]
    return nearest(path.name, beside).replace("known:", "runs beside it:")
