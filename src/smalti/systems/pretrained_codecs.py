"""Codecs that others have trained, from a folder of `transformers` on this machine and from nowhere else.

Known: EnCodec at one channel (24 kHz), Mimi, and DAC, which is heard by our own net and needs no `transformers`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.core import Audio, Codec, ParameterError, SpecError, StoreError, Tokens, TokenSpec
from smalti.store import fingerprint, read_foreign_weights
from smalti.systems.dac import DAC
from smalti.systems.dac.foreign import adopt_dac
from smalti.systems.pretrained import is_pretrained, read_model, read_words

CODECS = ("encodec", "mimi", "dac")
_WORDS, _WEIGHTS = "config.json", "model.safetensors"


class PretrainedCodec:
    """EnCodec or Mimi. Each sound is heard alone and as a whole, padded with silence to whole frames.

    Memory grows with the length of a sound; it does not stream. The first codebooks alone are a codec, too.
    """

    def __init__(self, model: nn.Module, spec: TokenSpec, *, least: int, most: int) -> None:
        """Speak by a model of `transformers` in evaluation mode.

        Args:
            model: gives codes and takes them.
            spec: of its tokens.
            least, most: codebooks that a view may use.
        """
        self._model, self.spec, self._least, self.most_codebooks = model, spec, least, most

    @property
    def windows(self) -> range:
        """A token stands for one frame."""
        return range(1, 2)

    def at(self, *, window: int | None = None, codebooks: int | None = None) -> "PretrainedCodec":
        """The same codec with the first codebooks only; what is not given stays as it is.

        Raises:
            ParameterError: if it has no such codebooks, or a token is to stand for several frames.
        """
        if window not in (None, 1):
            raise ParameterError(f"found a window of {window} frames, wanted 1: a token of this codec is one frame")
        asked = self.spec.codebooks if codebooks is None else codebooks
        if not self._least <= asked <= self.most_codebooks:
            raise ParameterError(f"found {asked} codebooks, this codec has {self._least}…{self.most_codebooks}")
        spec = replace(self.spec, codebooks=asked)
        return PretrainedCodec(self._model, spec, least=self._least, most=self.most_codebooks)

    def fitting(self, spec: TokenSpec, what: str = "these tokens") -> "PretrainedCodec":
        """The view whose tokens have this spec.

        Raises:
            SpecError: if they are another codec's, or of codebooks that this one does not have.
        """
        replace(self.spec, codebooks=spec.codebooks).require(spec, what)
        try:
            return self.at(codebooks=spec.codebooks)
        except ParameterError as error:
            raise SpecError(f"{what} do not fit: {error}; encode the audio again with this codec") from None

    @torch.no_grad()
    def encode(self, audio: Audio) -> Tokens:
        """Codes of every item, ceil(samples / hop) frames.

        Raises:
            SpecError: if the audio is at another rate.
        """
        audio.require_rate(self.spec.sample_rate)
        rows = [self._codes(item.samples[0]).mT for item in audio.items()] or [self._codes(torch.zeros(0)).mT]
        codes = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)[: len(audio.lengths)].mT
        return Tokens(codes.to(audio.lengths.device), self.spec, audio.lengths)

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Audio:
        """Sound of every item, exactly as many samples as went in.

        Raises:
            SpecError: if the tokens are another codec's, or of another view.
        """
        self.spec.require(tokens.spec)
        rows = [self._sound(item.codes)[: int(item.lengths[0])] for item in tokens.items()] or [torch.zeros(0)]
        samples = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)[: len(tokens.lengths)]
        return Audio(samples.to(tokens.lengths.device), self.spec.sample_rate, tokens.lengths)

    def _codes(self, samples: Float[Tensor, " sample"]) -> Int64[Tensor, "codebook frame"]:
        frames, codebooks = self.spec.frames(len(samples)), self.spec.codebooks
        if not frames:
            return torch.zeros(codebooks, 0, dtype=torch.int64)
        whole = nn.functional.pad(samples, (0, frames * self.spec.hop - len(samples)))
        found = self._call("encode", whole[None, None].to(self._device)).audio_codes
        return found.reshape(found.shape[-2:])[:codebooks, :frames].cpu()  # EnCodec's have an axis of chunks before

    def _sound(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, " sample"]:
        if not codes.shape[2]:
            return torch.zeros(0)
        return self._call("decode", codes.to(self._device)).audio_values[0, 0].float().cpu()

    def _call(self, name: str, given: Tensor) -> Any:
        """EnCodec is asked for its highest rate, whose first codes are those of the others."""
        act: Callable[..., Any] = getattr(self._model, name)
        if not hasattr(self._model.config, "target_bandwidths"):
            return act(given, return_dict=True)
        if name == "decode":
            return act(given[None], [None], return_dict=True)
        return act(given, bandwidth=max(self._model.config.target_bandwidths), return_dict=True)  # pyright: ignore

    @property
    def _device(self) -> torch.device:
        return next(self._model.parameters()).device


def holds_codec(folder: Path) -> bool:
    """Whether a folder is a codec of `transformers`."""
    return is_pretrained(folder) and read_words(folder / _WORDS).get("model_type") in CODECS


def load_pretrained_codec(folder: Path) -> Codec:
    """Open a codec of `transformers`, with all its codebooks.

    Args:
        folder: with config.json and weights in safetensors.
    Raises:
        ParameterError: if `transformers` is needed and not installed.
        StoreError: if the folder holds weights that do not fit, or an EnCodec that hears chunks, levels or channels.
    """
    words = read_words(folder / _WORDS)
    if words["model_type"] == "dac":
        return DAC(adopt_dac(read_foreign_weights(folder / _WEIGHTS), words))
    _refuse_chunks(folder, words)
    model = read_model(folder)
    config: Any = model.config
    encodec = words["model_type"] == "encodec"
    hop = config.hop_length if encodec else round(config.sampling_rate / config.frame_rate)
    spec = TokenSpec(
        sample_rate=int(config.sampling_rate),
        hop=int(hop),
        codebooks=int(config.num_quantizers),
        vocab=int(config.codebook_size),
        tokenizer=fingerprint(model.state_dict(), f"{words['model_type']} {config.sampling_rate} {hop}"),
    )
    least = 1 if encodec else int(config.num_semantic_quantizers)
    return PretrainedCodec(model, spec, least=least, most=spec.codebooks)


def _refuse_chunks(folder: Path, words: Mapping[str, Any]) -> None:
    wanted = {"audio_channels": 1, "normalize": False, "chunk_length_s": None}
    for word, value in wanted.items():
        if words.get(word, value) != value:
            raise StoreError(f"{folder / _WORDS} says {word} {words[word]}, wanted {value}; use the model of 24 kHz")
