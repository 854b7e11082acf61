"""Speech and sound encoders that others have trained, from a folder on this machine and from nowhere else.

Source: the architectures of `transformers` (wav2vec 2.0, HuBERT, WavLM, data2vec). Only tensors in safetensors are
read, only code of the installed library is run, and nothing is fetched.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from torch import Tensor, nn

from smalti.core import Audio, Embedding, ParameterError, StoreError, nearest
from smalti.core.extras import need
from smalti.store import fingerprint

KINDS = ("wav2vec2", "hubert", "wavlm", "data2vec-audio", "unispeech-sat", "wav2vec2-conformer")
_WORDS, _HEARING = "config.json", "preprocessor_config.json"


def is_pretrained(folder: Path) -> bool:
    """Whether a folder looks like a model of `transformers`."""
    return (folder / _WORDS).is_file() and not (folder / "config.toml").exists()


class PretrainedEncoder:
    """Hidden states of one layer, one for every hop begun: the sound is padded so that each lies around its hop.

    Items are heard one by one, as some of these models normalise over all that they are given.

    Attributes:
        layer: whose states are given; 0 is what the first layer is given.
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
        self._model, self._normalise = model, normalise
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
        audio.require_rate(self.sample_rate, "this encoder")
        rows = [self._states(item.samples[0]) for item in audio.items()]
        lengths = -(-audio.lengths // self.hop)
        if not rows:
            return Embedding(torch.zeros(0, 0, self.dim), lengths)
        return Embedding(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths)

    def _states(self, samples: Float[Tensor, " sample"]) -> Float[Tensor, "frame dim"]:
        frames = -(-len(samples) // self.hop)
        if not frames:
            return torch.zeros(0, self.dim)
        if self._normalise:
            samples = (samples - samples.mean()) / (samples.var(correction=0) + 1e-7).sqrt()
        before = (self._field - self.hop) // 2
        behind = frames * self.hop + self._field - self.hop - before - len(samples)
        whole = nn.functional.pad(samples, (before, behind))
        return self._model(whole[None], output_hidden_states=True).hidden_states[self.layer][0].float()


def load_pretrained(folder: Path, *, layer: int | None = None) -> PretrainedEncoder:
    """Open a model of `transformers`.

    Args:
        folder: with config.json and weights in safetensors.
        layer: whose states are given; None is the last.
    Raises:
        ParameterError: if `transformers` is not installed, or there is no such layer.
        StoreError: if the folder holds another kind of model, no safetensors, or weights that do not fit.
    """
    words = _read(folder / _WORDS)
    kind = str(words.get("model_type"))
    if kind not in KINDS:
        raise StoreError(f"{folder} holds a model of kind {kind!r}, wanted an encoder of sound; {nearest(kind, KINDS)}")
    if not list(folder.glob("*.safetensors")):
        raise StoreError(
            f"{folder} holds no weights in safetensors; convert them with transformers, others are not read"
        )
    hearing = _read(folder / _HEARING) if (folder / _HEARING).is_file() else {}
    need("transformers", extra="pretrained", what="encoders of others")
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
    layers = int(words["num_hidden_layers"])
    if layer is not None and not 0 <= layer <= layers:
        raise ParameterError(f"layer {layer} is outside 0…{layers} of {folder}; choose one in that range")
    return PretrainedEncoder(
        model.eval(),
        words,
        layer=layers if layer is None else layer,
        sample_rate=int(hearing.get("sampling_rate", 16000)),
        normalise=bool(hearing.get("do_normalize", True)),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        words: object = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}; get the model again") from None
    if not isinstance(words, dict):
        raise StoreError(f"{path} is no table of settings; get the model again")
    return cast(dict[str, Any], words)
