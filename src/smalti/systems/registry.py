"""How a preset, a run folder or a shipped name becomes one of the systems."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from smalti.core import (
    Codec,
    ConfigError,
    DataError,
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
from smalti.features import FrameLM, LogMelEncoder, Vocoder
from smalti.store import read_text
from smalti.systems.hearing import OWN_RATE, RunName, heard_as, heard_through, seen
from smalti.systems.members import CONFIG, SYSTEMS, TOKENIZER, Model
from smalti.systems.pretrained import is_pretrained, load_pretrained
from smalti.systems.pretrained_codecs import holds_codec, load_pretrained_codec

LOG_MEL = "log-mel"
_HERE = Path(__file__).parent
_Ability = TypeVar("_Ability")


def load(run: str | Path) -> Model:
    """Open what a run has learnt, a shipped model by its name, or a codec of `transformers` from its folder.

    Raises:
        StoreError: if it is neither, has no weights yet, or is damaged; says what was found and what is near.
    """
    folder = find_run(run)
    return load_pretrained_codec(folder) if holds_codec(folder) else SYSTEMS[system_of(folder)].load(folder)


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


def load_generator(run: str | Path) -> LanguageModel | FrameLM:
    """Open what makes sounds as it is asked: a language model of tokens or of mel frames.

    Raises:
        StoreError: as `load`.
        SpecError: if it is something else.
    """
    model = load(run)
    return model if isinstance(model, MaskedLM | FrameLM) else _able(run, model, TokenLM, "a language model")


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

    A system of one preset may be named by itself.

    Raises:
        ConfigError: if it is unknown (names the nearest) or the file does not name a system.
    """
    only = [preset for preset in presets() if preset.startswith(f"{name}/")]
    name = only[0] if len(only) == 1 else name
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
        isinstance(model, FrameLM): ("a language model of mel frames", "it has no tokens; make sound of it by itself"),
        isinstance(model, Vocoder): ("a vocoder", "give it to --vocoder beside a codec, or name another run"),
    }[True]
    raise SpecError(f"{run} is {found}, wanted {wanted}; {remedy}")


def _system_in(config: Path, error: type[ConfigError] | type[StoreError]) -> str:
    try:
        name = tomllib.loads(read_text(config)).get("system")
    except (DataError, ValueError, RecursionError) as problem:
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
