"""Speech and sound encoders that others have trained, from a folder on this machine and from nowhere else.

Source: the architectures of `transformers` (wav2vec 2.0, HuBERT, WavLM, data2vec). Only tensors in safetensors are
read, only code of the installed library is run, and nothing is fetched.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from torch import Tensor, nn

from smalti.core import Audio, DataError, Embedding, ParameterError, StoreError, nearest
from smalti.core.extras import need
from smalti.store import fingerprint, read_json

KINDS = ("wav2vec2", "hubert", "wavlm", "data2vec-audio", "unispeech-sat", "wav2vec2-conformer")
_WORDS, _HEARING = "config.json", "preprocessor_config.json"


def is_pretrained(folder: Path) -> bool:
    """Whether a folder looks like a model of `transformers`."""
    return (folder / _WORDS).is_file() and not (folder / "config.toml").exists()


class PretrainedEncoder:
    """Hidden states of one layer, one for every hop begun: the sound is padded so that each lies around its hop.

    Items are heard one by one, as some of these models normalise over all that they are given.

    Attributes:
        layer: whose states are given, to `layers`; 0 is what the first layer is given.
        fingerprint: of weights and layer.
    """

    def __init__(self, model: nn.Module, words: Mapping[str, Any], *, layer: int, sample_rate: int, normalise: bool):
        """Hear by a model of `transformers` in evaluation mode.

        Args:
            model: gives `hidden_states` on request.
            words: its config.json.
            layer: from 0 to the number of layers.
            sample_rate: Hz.
            normalise: whether it was trained on sound of mean 0 and variance 1.
        """
        self._model, self._words, self._normalise = model, words, normalise
        self.layers = int(words["num_hidden_layers"])
        self.sample_rate, self.layer, self.dim = sample_rate, layer, int(words["hidden_size"])
        self.hop, self._field = 1, 1
        for kernel, stride in zip(words["conv_kernel"], words["conv_stride"], strict=True):
            self._field += (kernel - 1) * self.hop
            self.hop *= stride
        told = f"{words['model_type']} {layer} {sample_rate} {normalise}"
        self.fingerprint = fingerprint(model.state_dict(), told)

    @torch.no_grad()
    def embed(self, audio: Audio) -> Embedding:
        """The states of every item; zeros behind its own.

        Raises:
            SpecError: if the audio is at another rate.
        """
        return self._heard(audio, [self.layer])[0]

    @torch.no_grad()
    def embed_layers(self, audio: Audio) -> Sequence[Embedding]:
        """The states of every layer from the first to the last, of one hearing.

        Raises:
            SpecError: if the audio is at another rate.
        """
        return self._heard(audio, range(1, self.layers + 1))

    def at_layer(self, layer: int) -> "PretrainedEncoder":
        """The same model, giving the states of this layer.

        Raises:
            ParameterError: if there is no such layer.
        """
        if not 0 <= layer <= self.layers:
            raise ParameterError(f"layer {layer} is outside 0…{self.layers} of this model; choose one in that range")
        return PretrainedEncoder(
            self._model, self._words, layer=layer, sample_rate=self.sample_rate, normalise=self._normalise
        )

    def _heard(self, audio: Audio, layers: Sequence[int]) -> list[Embedding]:
        audio.require_rate(self.sample_rate, "this encoder")
        items = [self._states(item.samples[0], layers) for item in audio.items()]
        lengths = -(-audio.lengths // self.hop)
        if not items:
            return [Embedding(torch.zeros(0, 0, self.dim), lengths) for _ in layers]
        columns = zip(*items, strict=True)
        return [Embedding(torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True), lengths) for rows in columns]

    def _states(self, samples: Float[Tensor, " sample"], layers: Sequence[int]) -> list[Float[Tensor, "frame dim"]]:
        frames = -(-len(samples) // self.hop)
        if not frames:
            return [torch.zeros(0, self.dim) for _ in layers]
        if self._normalise:
            samples = (samples - samples.mean()) / (samples.var(correction=0) + 1e-7).sqrt()
        before = (self._field - self.hop) // 2
        behind = frames * self.hop + self._field - self.hop - before - len(samples)
        whole = nn.functional.pad(samples, (before, behind))
        states = self._model(whole[None], output_hidden_states=True).hidden_states
        return [states[layer][0].float() for layer in layers]


def load_pretrained(folder: Path, *, layer: int | None = None) -> PretrainedEncoder:
    """Open a model of `transformers`.

    Args:
        folder: with config.json and weights in safetensors.
        layer: whose states are given; None is the last.
    Raises:
        ParameterError: if `transformers` is not installed, or there is no such layer.
        StoreError: if the folder holds another kind of model, no safetensors, or weights that do not fit.
    """
    words = read_words(folder / _WORDS)
    kind = str(words.get("model_type"))
    if kind not in KINDS:
        raise StoreError(f"{folder} holds a model of kind {kind!r}, wanted an encoder of sound; {nearest(kind, KINDS)}")
    model = read_model(folder)
    layers = int(words["num_hidden_layers"])
    if layer is not None and not 0 <= layer <= layers:
        raise ParameterError(f"layer {layer} is outside 0…{layers} of {folder}; choose one in that range")
    return _encoder(folder, model, words, layers if layer is None else layer)


def read_model(folder: Path) -> nn.Module:
    """A model of `transformers` with all its weights, in evaluation mode.

    Args:
        folder: with config.json and weights in safetensors.
    Raises:
        ParameterError: if `transformers` is not installed.
        StoreError: if the folder holds no safetensors, or weights that do not fit.
    """
    if not list(folder.glob("*.safetensors")):
        raise StoreError(
            f"{folder} holds no weights in safetensors; convert them with transformers, others are not read"
        )
    need("transformers", extra="pretrained", what="models of others")
    import transformers

    try:
        model, told = cast(
            tuple[nn.Module, Mapping[str, Iterable[str]]],
            transformers.AutoModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, output_loading_info=True
            ),
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise StoreError(f"{folder} cannot be opened by transformers: {error}; get it again") from None
    # transformers fills in at random what a file lacks; the vector that hides frames in training is not used here
    missing = sorted(set(told["missing_keys"]) - {"masked_spec_embed"})
    if missing:
        raise StoreError(f"{folder} lacks {len(missing)} tensors, such as {missing[0]}; get the model again")
    return model.eval()


def load_unlearnt_pretrained(folder: Path) -> PretrainedEncoder:
    """The last layer of the same model with the weights of torch's random state.

    Raises:
        ParameterError, StoreError: as `load_pretrained`, but no weights are read.
    """
    need("transformers", extra="pretrained", what="encoders of others")
    import transformers

    words = read_words(folder / _WORDS)
    model = transformers.AutoModel.from_config(transformers.AutoConfig.from_pretrained(folder, local_files_only=True))
    return _encoder(folder, model, words, int(words["num_hidden_layers"]))


def _encoder(folder: Path, model: nn.Module, words: Mapping[str, Any], layer: int) -> PretrainedEncoder:
    hearing = read_words(folder / _HEARING) if (folder / _HEARING).is_file() else {}
    return PretrainedEncoder(
        model.eval(),
        words,
        layer=layer,
        sample_rate=int(hearing.get("sampling_rate", 16000)),
        normalise=bool(hearing.get("do_normalize", True)),
    )


def read_words(path: Path) -> dict[str, Any]:
    """A table of settings, as JSON.

    Raises:
        StoreError: if it cannot be read or is none.
    """
    try:
        words: object = read_json(path)
    except (DataError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}; get the model again") from None
    if not isinstance(words, dict):
        raise StoreError(f"{path} is no table of settings; get the model again")
    return cast(dict[str, Any], words)
