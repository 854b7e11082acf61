"""Vocoders of others by the names and shapes of their tensors: what net they are, and their weights in its names.

Known: MelGAN (`model.N.*`), HiFi-GAN and BigVGAN (`conv_pre, ups.N, resblocks.N, conv_post`, maybe below
`generator`), Vocos (`backbone.*, head.*`). Sizes come from shapes; what shapes cannot say (dilations, how the last
sample is bounded) from a config.json beside the file, if there is one, else it is as published.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from smalti.core import StoreError, nearest
from smalti.features import MEL_PRESETS, MelSettings, mel_filterbank
from smalti.nn.weight_norm import fold_weights
from smalti.store import fill, refuse_non_finite
from smalti.systems.vocoder.config import HiFiGANNetConfig, MelGANNetConfig, ModelConfig, NetConfig, VocosNetConfig
from smalti.systems.vocoder.model import NetVocoder
from smalti.systems.vocoder.nets import Net, build

Tensors = Mapping[str, Tensor]
Words = Mapping[str, Any]

_PICTURES = {"melgan": "specvqgan", "hifigan": "hifigan22k", "bigvgan": "bigvgan22k", "vocos": "vocos24k"}
_WIDE_BIGVGAN = (128, "bigvgan44k")  # bands of the second version at 44.1 kHz, and its picture
_UNPAIRED = ((1, 2), (2, 6), (3, 12))  # HiFi-GAN's third version
FORMATS = tuple(_PICTURES)


def adopt(format: str, tensors: Tensors, words: Words, *, picture: str = "") -> NetVocoder:
    """A vocoder from foreign tensors, once all of them fit and it has been heard on a test picture.

    Args:
        format: one of `FORMATS`.
        tensors: as `smalti.store.read_foreign_weights` gives them.
        words: the config.json beside the file; may be empty.
        picture: mel preset it was made for; by default the one its authors publish.
    Raises:
        StoreError: if a tensor is missing, unknown, of another shape or not finite, if the mel picture is another, or
            if what comes out is not finite; says which.
    """
    if format not in _PICTURES:
        raise StoreError(f"format {format!r} is unknown; {nearest(format, FORMATS)}")
    if picture and picture not in MEL_PRESETS:
        raise StoreError(f"mel preset {picture!r} is unknown; {nearest(picture, MEL_PRESETS)}")
    given = fold_weights({key.removeprefix("generator/"): tensor for key, tensor in tensors.items()})
    refuse_non_finite(given)
    try:
        net, state = _READERS[format](given, words)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise StoreError(f"this is no {format}: {reason} is not there or of another shape; name its format") from None
    name = picture or _published_picture(format, given)
    settings = MEL_PRESETS[name]
    _refuse_other_picture(format, name, settings, given, words)
    config = ModelConfig(picture=name, net=net)
    return _heard(NetVocoder(_filled(config, settings, state, format), config))


def _published_picture(format: str, tensors: Tensors) -> str:
    bands, name = _WIDE_BIGVGAN
    return name if format == "bigvgan" and tensors["conv_pre.weight"].shape[1] == bands else _PICTURES[format]


def _melgan(tensors: Tensors, words: Words) -> tuple[NetConfig, Tensors]:
    blocks = sorted({int(found[1]) for key in tensors if (found := re.fullmatch(r"model\.(\d+)\.shortcut\..*", key))})
    ups = [place - 1 for place in blocks if place - 1 not in blocks]
    last = max(int(key.split(".")[1]) for key in tensors)
    net = MelGANNetConfig(
        width=tensors[f"model.{last}.weight"].shape[1],
        ratios=tuple(tensors[f"model.{place}.weight"].shape[2] // 2 for place in ups),
        blocks=len(blocks) // len(ups) if ups else 0,
    )
    return net, tensors


def _hifigan(tensors: Tensors, words: Words) -> tuple[NetConfig, Tensors]:
    return HiFiGANNetConfig(kind="hifigan", activation="leaky", **_stages(tensors, words)), tensors


def _bigvgan(tensors: Tensors, words: Words) -> tuple[NetConfig, Tensors]:
    if words.get("snake_logscale") is False:
        raise StoreError("this BigVGAN keeps its frequencies without a logarithm, which is not known here; leave it")
    renamed = {re.sub(r"^(ups\.\d+)\.0\.", r"\1.", key): tensor for key, tensor in tensors.items()}
    bias = "conv_post.bias" in renamed
    net = HiFiGANNetConfig(
        kind="bigvgan",
        activation="snakebeta" if "activation_post.act.beta" in renamed else "snake",
        final_bias=bias,
        # the second version has neither a bias nor a tanh at its end
        final="tanh" if words.get("use_tanh_at_final", bias) else "clamp",
        **_stages(renamed, words),
    )
    return net, renamed


def _stages(tensors: Tensors, words: Words) -> dict[str, Any]:
    """What HiFi-GAN and BigVGAN have in common."""
    ups, blocks = (_count(tensors, rf"{name}\.(\d+)\.") for name in ("ups", "resblocks"))
    per_stage, paired = blocks // ups, "resblocks.0.convs1.0.weight" in tensors
    first = "convs1" if paired else "convs"
    kernels = tuple(tensors[f"resblocks.{place}.{first}.0.weight"].shape[2] for place in range(per_stage))
    depth = _count(tensors, rf"resblocks\.0\.{first}\.(\d+)\.")
    published = _UNPAIRED if not paired and kernels == (3, 5, 7) else (tuple(range(1, 2 * depth, 2)),) * per_stage
    ratios = tuple(tensors[f"ups.{place}.weight"].shape[2] // 2 for place in range(ups))
    told = tuple(words.get("upsample_rates", ratios))
    if told != ratios:
        raise StoreError(f"config.json says upsample_rates {list(told)}, the shapes {list(ratios)}; leave it")
    return {
        "width": tensors["conv_pre.weight"].shape[0],
        "ratios": ratios,
        "kernels": kernels,
        "dilations": tuple(tuple(one) for one in words.get("resblock_dilation_sizes", published)),
        "paired": paired,
    }


def _vocos(tensors: Tensors, words: Words) -> tuple[NetConfig, Tensors]:
    state: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if key.startswith("backbone."):
            state[key.removeprefix("backbone.")] = tensor
        elif key.startswith("head.out."):
            state[key.removeprefix("head.")] = tensor
        elif not key.startswith(("feature_extractor.", "head.istft.")):
            state[key] = tensor  # unknown, and refused as such below
    net = VocosNetConfig(
        reads="natural",
        width=state["embed.weight"].shape[0],
        hidden=state["convnext.0.pwconv1.weight"].shape[0],
        blocks=_count(state, r"convnext\.(\d+)\."),
    )
    return net, state


_READERS: Mapping[str, Callable[[Tensors, Words], tuple[NetConfig, Tensors]]] = {
    "melgan": _melgan,
    "hifigan": _hifigan,
    "bigvgan": _bigvgan,
    "vocos": _vocos,
}


def _count(tensors: Tensors, pattern: str) -> int:
    count = max(int(found[1]) for key in tensors if (found := re.match(pattern, key))) + 1
    if count > len(tensors):
        raise ValueError(f"{count} parts in {len(tensors)} tensors, each of which")
    return count


def _refuse_other_picture(format: str, name: str, picture: MelSettings, tensors: Tensors, words: Words) -> None:
    """Every word about the picture must be that of the preset, and so must the filters, where the file holds them."""
    wanted = {
        "sampling_rate": picture.sample_rate,
        "n_fft": picture.n_fft,
        "win_size": picture.n_fft,
        "hop_size": picture.hop,
        "num_mels": picture.bands,
        "fmin": picture.low_hz,
        "fmax": picture.high_hz,
    }
    for word, value in wanted.items():
        told = words.get(word, value)
        if told is None and word == "fmax":
            told = picture.sample_rate / 2
        if told != value:
            raise StoreError(f"config.json says {word} {told}, the mel preset {name} {value}; name another (--picture)")
    first = {"melgan": "model.1", "vocos": "backbone.embed"}.get(format, "conv_pre")
    bands = tensors[f"{first}.weight"].shape[1]
    if bands != picture.bands:
        raise StoreError(f"this {format} hears {bands} bands, the mel preset {name} has {picture.bands}; name another")
    filters = tensors.get("feature_extractor.mel_spec.mel_scale.fb")
    if filters is not None and not _alike(filters.T, mel_filterbank(picture)):
        raise StoreError(f"this {format} has other mel filters than the preset {name}; name another (--picture)")


def _alike(found: Tensor, wanted: Tensor) -> bool:
    return found.shape == wanted.shape and bool((found - wanted).abs().max() < 1e-3)


def _filled(config: ModelConfig, picture: MelSettings, state: Tensors, format: str) -> Net:
    net = build(config, picture)
    fill(net, state, format)
    return net.eval()


def _heard(vocoder: NetVocoder) -> NetVocoder:
    frames = torch.linspace(0, 1, 12).expand(1, vocoder.picture.bands, 12)
    if not bool(torch.isfinite(vocoder.sound(frames).samples).all()):
        raise StoreError("what this vocoder makes of a test picture is not finite; get the file again")
    return vocoder
