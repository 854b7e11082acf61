"""Published DAC weights by the names and shapes of their tensors: what net they are, and their weights in its names.

Known: a checkpoint of the authors (`encoder.block.N…`, `decoder.model.N…`, with or without weight norm in either of its
forms) and a model of `transformers` (`encoder.block.N.res_unitM…`). Sizes come from shapes; the rate, which no shape
says, from the caller, a config.json or the known models.

Source: Kumar et al. 2023 (DAC, arXiv:2306.06546), its published models.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from smalti.core import StoreError
from smalti.nn.weight_norm import fold_weights
from smalti.store import fill, refuse_non_finite
from smalti.systems.dac.config import ModelConfig
from smalti.systems.dac.net import DACNet

Tensors = Mapping[str, Tensor]
Words = Mapping[str, Any]
Spelling = Callable[[str, int], str]

_RATES = {(512, 9): 44_100, (512, 18): 44_100, (320, 32): 24_000, (320, 12): 16_000}  # of hop and codebooks
_UNITS = ("res_unit1", "res_unit2", "res_unit3")
_IN_BLOCKS = {"encoder": (*_UNITS, "snake1", "conv1"), "decoder": ("snake1", "conv_t1", *_UNITS)}
_LAYERS = ("snake1", "conv1", "snake2", "conv2")
_PROJECTIONS = {"inwards": "in_proj", "outwards": "out_proj", "codebook": "codebook"}


def adopt_dac(tensors: Tensors, words: Words, *, sample_rate: int | None = None) -> DACNet:
    """DAC's net, once all tensors fit and a test sound has come through.

    Args:
        tensors: as `smalti.store.read_foreign_weights` gives them.
        words: the config.json beside the file; may be empty.
        sample_rate: Hz; None is told by the words, else by the strides and codebooks of the published models.
    Raises:
        StoreError: if a tensor is missing, unknown, of another shape or not finite, if no rate is told, or if what
            comes out is not finite; says which.
    """
    given = fold_weights({key.rpartition("/")[2]: tensor for key, tensor in tensors.items()})
    refuse_non_finite(given)
    given = {key: value[0] if key.endswith(".alpha") and value.dim() == 3 else value for key, value in given.items()}
    spelling = next((each for each in (_authors, _transformers) if each("encoder.stem.weight", 0) in given), None)
    if spelling is None:
        raise StoreError(
            "this is no dac: neither encoder.block.0.weight nor encoder.conv1.weight is there; name its format"
        )
    try:
        config = _config(given, spelling)
    except (KeyError, IndexError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise StoreError(f"this is no dac: {reason} is not there or of another shape; name its format") from None
    config = config.model_copy(update={"sample_rate": _rate(config, words, sample_rate)})
    with torch.device("meta"):
        net = DACNet(config)
    fill(net, given, "dac", {name: spelling(name, len(config.strides)) for name in net.state_dict()})
    return _heard(net.eval())


def _config(given: Tensors, spelling: Spelling) -> ModelConfig:
    """Sizes by shapes."""

    def shape(name: str) -> torch.Size:
        return given[spelling(name, stages)].shape

    stages = _count(given, spelling, "encoder.blocks.{}.4.weight")
    strides = tuple(shape(f"encoder.blocks.{stage}.4.weight")[2] // 2 for stage in range(stages))
    width, latent = shape("encoder.stem.weight")[0], shape("encoder.last.1.weight")[0]
    vocab, code_dim = shape("quantizer.layers.0.codebook.weight")
    return ModelConfig(
        strides=strides,
        encoder_width=width,
        decoder_width=shape("decoder.stem.weight")[0],
        latent=None if latent == width * 2**stages else latent,
        codebooks=_count(given, spelling, "quantizer.layers.{}.codebook.weight"),
        vocab=vocab,
        code_dim=code_dim,
    )


def _count(given: Tensors, spelling: Spelling, name: str) -> int:
    count = 0
    while spelling(name.format(count), 0) in given:
        count += 1
    return count


def _rate(config: ModelConfig, words: Words, asked: int | None) -> int:
    told = words.get("sampling_rate")
    if asked is not None and told not in (None, asked):
        raise StoreError(f"config.json says sampling_rate {told}, found {asked} Hz asked for; leave --sample-rate out")
    rate = asked or told or _RATES.get((config.hop, config.codebooks))
    if rate is None:
        found = f"hop {config.hop} and {config.codebooks} codebooks"
        raise StoreError(f"{found} are no published model, and no file says its rate; name it (--sample-rate HZ)")
    if not isinstance(rate, int) or rate < 1:
        raise StoreError(f"config.json says sampling_rate {rate!r}, wanted a number of Hz; repair it or move it away")
    return rate


def _authors(name: str, stages: int) -> str:
    """The authors' name of one of our tensors: all is a numbered list there."""
    part, place, *rest = name.split(".")
    if part == "quantizer":
        return _of_quantizer(rest)
    top = {"encoder": "encoder.block", "decoder": "decoder.model"}[part]
    if place == "stem":
        return ".".join([top, "0", *rest])
    first, *rest = rest
    if place == "last":
        return ".".join([top, str(stages + 1 + int(first)), *rest])
    return ".".join([top, str(int(first) + 1), "block", *rest]).replace(".layers.", ".block.")


def _transformers(name: str, stages: int) -> str:
    """The name that `transformers` gives one of our tensors."""
    part, place, *rest = name.split(".")
    if part == "quantizer":
        return _of_quantizer(rest)
    if place == "stem":
        return ".".join([part, "conv1", *rest])
    first, second, *rest = rest
    if place == "last":
        return f"{part}.{('snake1', 'conv2')[int(first)]}.{second}"
    layer = _IN_BLOCKS[part][int(second)]
    if rest[0] == "layers":
        _, inner, end = rest
        return f"{part}.block.{first}.{layer}.{_LAYERS[int(inner)]}.{end}"
    return f"{part}.block.{first}.{layer}.{rest[0]}"


def _of_quantizer(rest: list[str]) -> str:
    place, projection, end = rest
    return f"quantizer.quantizers.{place}.{_PROJECTIONS[projection]}.{end}"


@torch.no_grad()
def _heard(net: DACNet) -> DACNet:
    sound = torch.linspace(-1, 1, 3 * net.config.hop)[None]
    latents = net.encoder(sound)
    heard = net.decoder(net.quantizer.decode(net.quantizer.encode(latents)))
    if not bool(latents.isfinite().all() and heard.isfinite().all()):
        raise StoreError("what this dac makes of a test sound is not finite; get the file again")
    return net
