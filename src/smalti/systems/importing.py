"""Import by the name of a format: a foreign file becomes a run like any other."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from smalti.audio import shown
from smalti.config import Settings, to_toml
from smalti.core import StoreError, nearest
from smalti.store import read_foreign_weights, save_weights, sha256
from smalti.systems.almtokenizer import ALMTokenizerConfig, ModelConfig
from smalti.systems.almtokenizer.config import TrainConfig
from smalti.systems.almtokenizer.foreign import adopt_encodec
from smalti.systems.dac import DACConfig
from smalti.systems.dac.foreign import adopt_dac
from smalti.systems.labels import read_labels
from smalti.systems.matpac.config import MatpacConfig, Task
from smalti.systems.matpac.foreign import adopt_matpac
from smalti.systems.vocoder import VocoderRunConfig
from smalti.systems.vocoder.foreign import FORMATS as VOCODERS
from smalti.systems.vocoder.foreign import adopt
from smalti.train import RunFolder

ENDS, ENCODER, CODEC = "encodec", "matpac", "dac"
FORMATS = (*VOCODERS, ENDS, ENCODER, CODEC)

_WORDS = "config.json"
_IN_FOLDERS = ("model.safetensors", "pytorch_model.bin")
_MOST_WORDS = 2**20
_NEVER = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was imported.

    Attributes:
        run: the run folder.
        format, net: what it is.
        picture: a vocoder's mel preset.
        parameter_count: numbers that it has learnt.
        left_out: kinds of tensors in it that are not needed.
        ignored: files beside it that might have been meant, and were not read.
        sha256: of the file, to compare with what its authors publish.
    """

    run: Path
    format: str
    net: str
    picture: str
    parameter_count: int
    left_out: tuple[str, ...]
    ignored: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class Classifier:
    """A classifier behind an encoder.

    Attributes:
        file: of its weights; None if there is none, or it lies in the encoder's own.
        task: whether its classes exclude one another; None is told by the file, or an error.
        labels: a file of the names of its classes, if they are known.
    """

    file: Path | None = None
    task: Task | None = None
    labels: Path | None = None


def import_weights(
    format: str,
    file: Path,
    *,
    to: Path,
    picture: str = "",
    classifier: Classifier | None = None,
    sample_rate: int | None = None,
) -> ImportReport:
    """Import weights; nothing is written before all of them are found good, and nothing in them is run.

    Of EnCodec the encoder and decoder are taken, as a run that serves as a first stage of the query codec; of MATPAC
    the encoder, and a classifier if there is one; of DAC all. A config.json beside the file is read as data. YAML is
    never read: it can hold code, and shapes say the same.

    Args:
        format: one of `FORMATS`.
        file: a PyTorch checkpoint or .safetensors file, or a Hugging Face folder with one.
        to: the run folder.
        picture: mel preset a vocoder was made for; by default the one its authors publish.
        classifier: of a MATPAC.
        classifier: of a MATPAC.
        sample_rate: Hz, of a DAC of sizes that are not published and of which no file says it.
    Raises:
        StoreError: if the file is refused (says why), or the folder holds something else.
    """
    if file.suffix.lower() in _NEVER:
        raise StoreError(f"{shown(file)} is YAML, which can hold code and is never read; name the file of weights")
    if format not in FORMATS:
        raise StoreError(f"format {format!r} is unknown; {nearest(format, FORMATS)}")
    file = _weights_in(file) if file.is_dir() else file
    tensors, words = read_foreign_weights(file), _words(file)
    classifier = classifier or Classifier()
    if format != ENCODER and classifier != Classifier():
        raise StoreError(f"found a classifier for {format}, which has none; leave --head, --task and --labels out")
    if format != CODEC and sample_rate is not None:
        raise StoreError(f"found a sample rate for {format}, whose files or sizes say it; leave --sample-rate out")
    found = _found(format, tensors, words, picture, classifier, sample_rate)
    run = RunFolder.start(to, to_toml(found.config))
    save_weights(run.weights_path, found.state, {"system": found.system, "imported": format})
    beside = sorted(path.name for path in file.parent.iterdir() if path.suffix.lower() in _NEVER)
    return ImportReport(
        run=to,
        format=format,
        net=found.net,
        picture=found.picture,
        parameter_count=found.parameter_count,
        left_out=found.left_out,
        ignored=tuple(beside),
        sha256=sha256(file),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What a foreign file turned out to be, and the run it becomes."""

    config: Settings
    state: Mapping[str, Tensor]
    system: str
    net: str
    picture: str
    parameter_count: int
    left_out: tuple[str, ...] = ()


def _found(
    format: str,
    tensors: Mapping[str, Tensor],
    words: Mapping[str, Any],
    picture: str,
    classifier: Classifier,
    sample_rate: int | None,
) -> _Found:
    if format in VOCODERS:
        return _vocoder(format, tensors, words, picture)
    if picture:
        raise StoreError(f"found the mel preset {picture} for {format}, which takes none; leave --picture out")
    if format == CODEC:
        return _codec(tensors, words, sample_rate)
    return _ends(tensors, words) if format == ENDS else _encoder(tensors, classifier)


def _vocoder(format: str, tensors: Mapping[str, Tensor], words: Mapping[str, Any], picture: str) -> _Found:
    vocoder = adopt(format, tensors, words, picture=picture)
    config = VocoderRunConfig(model=vocoder.config)
    kind, heard, count = vocoder.config.net.kind, vocoder.config.picture, vocoder.parameter_count
    return _Found(config, vocoder.net.state_dict(), config.system, kind, heard, count)


def _ends(tensors: Mapping[str, Tensor], words: Mapping[str, Any]) -> _Found:
    """A run like the first of the query codec's two stages: ends that have learnt, without codes."""
    ends = adopt_encodec(tensors, words)
    model, train = ModelConfig(sample_rate=ends.sample_rate, ends=ends.config), TrainConfig(stage="autoencoder")
    config, state = ALMTokenizerConfig(model=model, train=train), ends.state()
    return _Found(config, state, config.system, ends.config.kind, "", sum(value.numel() for value in state.values()))


def _encoder(tensors: Mapping[str, Tensor], classifier: Classifier) -> _Found:
    probe = read_foreign_weights(classifier.file) if classifier.file else None
    labels = read_labels(classifier.labels) if classifier.labels else ()
    found = adopt_matpac(tensors, probe=probe, task=classifier.task, labels=labels)
    config, net = MatpacConfig(model=found.net.config), found.net
    count = sum(value.numel() for value in net.parameters())
    return _Found(config, net.state_dict(), config.system, ENCODER, "", count, found.left_out)


def _codec(tensors: Mapping[str, Tensor], words: Mapping[str, Any], sample_rate: int | None) -> _Found:
    net = adopt_dac(tensors, words, sample_rate=sample_rate)
    config, count = DACConfig(model=net.config), sum(value.numel() for value in net.parameters())
    return _Found(config, net.state_dict(), config.system, CODEC, "", count)


def _weights_in(folder: Path) -> Path:
    for name in _IN_FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise StoreError(f"{shown(folder)} holds none of {', '.join(_IN_FOLDERS)}; name the file of weights itself")


def _words(file: Path) -> dict[str, Any]:
    path = file.with_name(_WORDS)
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > _MOST_WORDS:
            raise StoreError(f"{shown(path)} is larger than 1 MiB, wanted a few settings; move it away")
        words = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{shown(path)} cannot be read as JSON: {error}; repair it or move it away") from None
    if not isinstance(words, dict):
        raise StoreError(f"{shown(path)} holds no settings, wanted a JSON object; repair it or move it away")
    return words
