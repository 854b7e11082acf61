"""EnCodec's weights as ends of this codec, by the names and shapes of their tensors.

Known: a model of `transformers` (`encoder.layers.N.*`) and a state dict of `encodec` (`encoder.model.N.*`), in either
form of weight norm. Sizes come from shapes; the rate, and what shapes cannot say, from a config.json, if there is one.
Its quantiser is not taken: the codec learns its own.

Published EnCodec reflects the sound before its beginning, where here is silence: only the first frames differ.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from smalti.core import StoreError
from smalti.nn.causal import CausalConvTranspose1d, CausalLSTM, CausalResidual
from smalti.nn.weight_norm import fold_weights
from smalti.store import fill, refuse_non_finite
from smalti.systems.almtokenizer.config import SeanetEndsConfig
from smalti.systems.almtokenizer.seanet import SeanetBack, SeanetFront

Tensors = Mapping[str, Tensor]
Words = Mapping[str, Any]

_SAMPLE_RATE = 24000
_MUST_BE: Words = {
    "audio_channels": 1,
    "normalize": False,
    "norm_type": "weight_norm",
    "use_causal_conv": True,
    "trim_right_ratio": 1.0,
    "num_residual_layers": 1,
    "compress": 2,
    "use_conv_shortcut": True,
}
_UNITS = {"near": "block.1.", "mix": "block.3.", "shortcut": "shortcut."}


@dataclass(frozen=True, slots=True)
class ForeignEnds:
    """What was found.

    Attributes:
        sample_rate: Hz.
        config: of the ends.
        front, back: with their weights.
    """

    sample_rate: int
    config: SeanetEndsConfig
    front: SeanetFront
    back: SeanetBack

    def state(self) -> dict[str, Tensor]:
        """Their weights by the names that a whole net gives them."""
        return _both(self.front, self.back).state_dict()


def adopt_encodec(tensors: Tensors, words: Words) -> ForeignEnds:
    """EnCodec's encoder and decoder, once all tensors fit and a test sound has come through.

    Args:
        tensors: as `smalti.store.read_foreign_weights` gives them.
        words: the config.json beside the file; may be empty.
    Raises:
        StoreError: if a tensor is missing, unknown, of another shape or not finite, if the settings are of an EnCodec
            that is not causal or built in another way, or if what comes out is not finite; says which.
    """
    given = fold_weights({key.rpartition("/")[2]: tensor for key, tensor in tensors.items()})
    given = {key: tensor for key, tensor in given.items() if not key.startswith("quantizer.")}
    refuse_non_finite(given)
    rate = _rate(words)
    spelling = next((each for each in ("layers", "model") if f"encoder.{each}.0.{_conv(each)}weight" in given), None)
    if spelling is None:
        raise StoreError("this is no encodec: encoder.layers.0.conv.weight is not there; name its format")
    try:
        config = _config(given, spelling)
    except (KeyError, IndexError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise StoreError(f"this is no encodec: {reason} is not there or of another shape; name its format") from None
    with torch.device("meta"):
        front, back = SeanetFront(config), SeanetBack(config)
    names = dict(_names(front.net, "front.net.", f"encoder.{spelling}", spelling))
    names |= dict(_names(back.net, "back.net.", f"decoder.{spelling}", spelling))
    fill(_both(front, back), given, "encodec", names)
    return _heard(ForeignEnds(rate, config, front.eval(), back.eval()))


def _rate(words: Words) -> int:
    for word, wanted in _MUST_BE.items():
        if words.get(word, wanted) != wanted:
            raise StoreError(f"config.json says {word} {words[word]}, wanted {wanted}: that EnCodec is built otherwise")
    rate = words.get("sampling_rate", _SAMPLE_RATE)
    if not isinstance(rate, int) or rate < 1:
        raise StoreError(f"config.json says sampling_rate {rate!r}, wanted a number of Hz; repair it or move it away")
    return rate


def _config(given: Tensors, spelling: str) -> SeanetEndsConfig:
    """Sizes by the shapes of the encoder."""
    stem, conv = f"encoder.{spelling}.", _conv(spelling)
    stages = sum(re.fullmatch(rf"{re.escape(stem)}\d{{1,3}}\.block\.1\..*weight", key) is not None for key in given)
    lstm = sum(
        re.fullmatch(rf"{re.escape(stem)}\d{{1,3}}\.lstm\.weight_ih_l\d{{1,2}}", key) is not None for key in given
    )
    first = given[f"{stem}0.{conv}weight"]
    downs = [given[f"{stem}{3 * stage + 3}.{conv}weight"] for stage in range(stages)]
    last = given[f"{stem}{3 * stages + 2 + (lstm > 0)}.{conv}weight"]
    return SeanetEndsConfig(
        dim=last.shape[0],
        filters=first.shape[0],
        ratios=tuple(down.shape[2] // 2 for down in downs),
        kernel=first.shape[2],
        residual_kernel=given[f"{stem}1.block.1.{conv}weight"].shape[2],
        lstm=lstm,
    )


def _names(net: nn.Module, ours: str, theirs: str, spelling: str) -> Iterator[tuple[str, str]]:
    """The file's name of each tensor; there a layer is a number, and an ELU is a layer."""
    place = -1
    for name, layer in net.named_children():
        place += 2 if getattr(layer, "elu", False) else 1
        for end, _ in layer.named_parameters():
            yield f"{ours}{name}.{end}", f"{theirs}.{place}.{_spelt(layer, end, spelling)}"


def _spelt(layer: nn.Module, end: str, spelling: str) -> str:
    if isinstance(layer, CausalLSTM):
        return f"lstm.{end}"
    if isinstance(layer, CausalResidual):
        unit, _, end = end.partition(".")
        return f"{_UNITS[unit]}{_conv(spelling)}{end}"
    up = isinstance(layer, CausalConvTranspose1d) and spelling == "model"
    return f"convtr.convtr.{end}" if up else f"{_conv(spelling)}{end}"


def _conv(spelling: str) -> str:
    return "conv." if spelling == "layers" else "conv.conv."


def _both(front: SeanetFront, back: SeanetBack) -> nn.Module:
    return nn.ModuleDict({"front": front, "back": back})


@torch.no_grad()
def _heard(ends: ForeignEnds) -> ForeignEnds:
    sound = torch.linspace(-1, 1, 3 * ends.front.hop)[None]
    if not bool(torch.isfinite(ends.back.forward(ends.front.forward(sound))).all()):
        raise StoreError("what this encodec makes of a test sound is not finite; get the file again")
    return ends
