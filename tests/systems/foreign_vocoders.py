"""Small checkpoints as the authors of four vocoders write them, by hand, and what each of them computes, by hand."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Tensors = dict[str, Tensor]
_OLD = ("weight_g", "weight_v")
_NEW = ("parametrizations.weight.original0", "parametrizations.weight.original1")


def melgan(*, new: bool = False) -> Tensors:
    """ngf 1: 16 → 8 → 4 → 2 → 1 channels."""
    made = _Maker(new=new)
    made.conv("model.1", 16, 80, 7)
    width = 16
    for first, ratio in zip((3, 8, 13, 18), (8, 8, 2, 2), strict=True):
        made.conv(f"model.{first}", width, width // 2, 2 * ratio, bias=width // 2)
        width //= 2
        for block in range(first + 1, first + 4):
            made.conv(f"model.{block}.block.2", width, width, 3)
            made.conv(f"model.{block}.block.4", width, width, 1)
            made.conv(f"model.{block}.shortcut", width, width, 1)
    made.conv("model.24", 1, 1, 7)
    return made.tensors


def melgan_sound(t: Tensors, mel: Tensor) -> Tensor:
    x = functional.conv1d(functional.pad(mel, (3, 3), mode="reflect"), *_plain(t, "model.1"))
    for first, ratio in zip((3, 8, 13, 18), (8, 8, 2, 2), strict=True):
        x = functional.leaky_relu(x, 0.2)
        x = functional.conv_transpose1d(x, *_plain(t, f"model.{first}"), stride=ratio, padding=ratio // 2)
        for depth in range(3):
            name = f"model.{first + 1 + depth}"
            y = functional.pad(functional.leaky_relu(x, 0.2), (3**depth, 3**depth), mode="reflect")
            y = functional.leaky_relu(functional.conv1d(y, *_plain(t, f"{name}.block.2"), dilation=3**depth), 0.2)
            x = functional.conv1d(x, *_plain(t, f"{name}.shortcut")) + functional.conv1d(
                y, *_plain(t, f"{name}.block.4")
            )
    x = functional.pad(functional.leaky_relu(x, 0.2), (3, 3), mode="reflect")
    return functional.conv1d(x, *_plain(t, "model.24")).tanh()[:, 0]


def hifigan(*, new: bool = False, paired: bool = True) -> Tensors:
    made = _Maker(new=new)
    made.conv("conv_pre", 16, 80, 7)
    width, kernels = 16, (3, 7, 11) if paired else (3, 5, 7)
    for stage, ratio in enumerate((8, 8, 2, 2)):
        made.conv(f"ups.{stage}", width, width // 2, 2 * ratio, bias=width // 2)
        width //= 2
        for number, kernel in enumerate(kernels):
            for name in ("convs1", "convs2") if paired else ("convs",):
                for depth in range(3 if paired else 2):
                    made.conv(f"resblocks.{3 * stage + number}.{name}.{depth}", width, width, kernel)
    made.conv("conv_post", 1, 1, 7)
    return {f"generator/{name}": tensor for name, tensor in made.tensors.items()}


def hifigan_sound(t: Tensors, mel: Tensor, *, paired: bool = True) -> Tensor:
    t = {name.removeprefix("generator/"): tensor for name, tensor in t.items()}
    dilations = ((1, 3, 5),) * 3 if paired else ((1, 2), (2, 6), (3, 12))
    x = functional.conv1d(mel, *_plain(t, "conv_pre"), padding=3)
    for stage, ratio in enumerate((8, 8, 2, 2)):
        x = functional.leaky_relu(x, 0.1)
        x = functional.conv_transpose1d(x, *_plain(t, f"ups.{stage}"), stride=ratio, padding=ratio // 2)
        total = torch.zeros(())
        for number in range(3):
            y, name = x, f"resblocks.{3 * stage + number}"
            for depth, dilation in enumerate(dilations[number]):
                z = _same(t, f"{name}.convs{'1' if paired else ''}.{depth}", functional.leaky_relu(y, 0.1), dilation)
                y = y + (_same(t, f"{name}.convs2.{depth}", functional.leaky_relu(z, 0.1), 1) if paired else z)
            total = total + y
        x = total / 3
    return functional.conv1d(functional.leaky_relu(x), *_plain(t, "conv_post"), padding=3).tanh()[:, 0]


WIDE = (8, 4, 2, 2, 2, 2)  # stages of the second BigVGAN at 44.1 kHz, 128 bands


def bigvgan(*, new: bool = False, second: bool = False, ratios: tuple[int, ...] = (16, 16), bands: int = 80) -> Tensors:
    """The second version has snakes with a height of their own and no bias at the end."""
    made = _Maker(new=new)
    width = 2 ** (len(ratios) + 1)
    made.conv("conv_pre", width, bands, 7)
    for stage, ratio in enumerate(ratios):
        made.conv(f"ups.{stage}.0", width, width // 2, 2 * ratio, bias=width // 2)
        width //= 2
        for depth in range(2):
            made.conv(f"resblocks.{stage}.convs1.{depth}", width, width, 3)
            made.conv(f"resblocks.{stage}.convs2.{depth}", width, width, 3)
        for bend in range(4):
            made.bend(f"resblocks.{stage}.activations.{bend}", width, beta=second)
    made.bend("activation_post", width, beta=second)
    made.conv("conv_post", 1, width, 7)
    if second:
        del made.tensors["conv_post.bias"]
    return {f"generator/{name}": tensor for name, tensor in made.tensors.items()}


def bigvgan_sound(t: Tensors, mel: Tensor, *, second: bool = False, ratios: tuple[int, ...] = (16, 16)) -> Tensor:
    t = {name.removeprefix("generator/"): tensor for name, tensor in t.items()}
    x = functional.conv1d(mel, *_plain(t, "conv_pre"), padding=3)
    for stage, ratio in enumerate(ratios):
        x = functional.conv_transpose1d(x, *_plain(t, f"ups.{stage}.0"), stride=ratio, padding=ratio // 2)
        name = f"resblocks.{stage}"
        for depth, dilation in enumerate((1, 3)):
            y = _same(t, f"{name}.convs1.{depth}", _bent(t, f"{name}.activations.{2 * depth}", x), dilation)
            x = x + _same(t, f"{name}.convs2.{depth}", _bent(t, f"{name}.activations.{2 * depth + 1}", y), 1)
    x = functional.conv1d(_bent(t, "activation_post", x), *_plain(t, "conv_post"), padding=3)[:, 0]
    return x.clamp(-1, 1) if second else x.tanh()


def vocos(filters: Tensor) -> Tensors:
    made, width, hidden = _Maker(new=False), 6, 10
    made.conv("backbone.embed", width, 100, 7, normed=False)
    for name in ("backbone.norm", "backbone.final_layer_norm", "backbone.convnext.0.norm", "backbone.convnext.1.norm"):
        made.tensors |= {f"{name}.weight": 1 + 0.1 * made.random(width), f"{name}.bias": 0.1 * made.random(width)}
    for block in range(2):
        name = f"backbone.convnext.{block}"
        made.conv(f"{name}.dwconv", width, 1, 7, normed=False)
        made.tensors |= {
            f"{name}.gamma": made.random(width),
            f"{name}.pwconv1.weight": made.random(hidden, width),
            f"{name}.pwconv1.bias": made.random(hidden),
            f"{name}.pwconv2.weight": made.random(width, hidden),
            f"{name}.pwconv2.bias": made.random(width),
        }
    return {
        **made.tensors,
        "head.out.weight": made.random(1026, width),
        "head.out.bias": made.random(1026),
        "head.istft.window": torch.hann_window(1024),
        "feature_extractor.mel_spec.spectrogram.window": torch.hann_window(1024),
        "feature_extractor.mel_spec.mel_scale.fb": filters.T,
    }


def vocos_sound(t: Tensors, mel: Tensor) -> Tensor:
    """One hop shorter than the frames are: an inverse STFT ends in the middle of its last frame."""
    x = functional.conv1d(mel, t["backbone.embed.weight"], t["backbone.embed.bias"], padding=3)
    x = _normed(t, "backbone.norm", x.mT).mT
    for block in range(2):
        name = f"backbone.convnext.{block}"
        weight, bias = t[f"{name}.dwconv.weight"], t[f"{name}.dwconv.bias"]
        y = _normed(t, f"{name}.norm", functional.conv1d(x, weight, bias, padding=3, groups=6).mT)
        y = functional.gelu(functional.linear(y, t[f"{name}.pwconv1.weight"], t[f"{name}.pwconv1.bias"]))
        y = functional.linear(y, t[f"{name}.pwconv2.weight"], t[f"{name}.pwconv2.bias"])
        x = x + (t[f"{name}.gamma"] * y).mT
    x = functional.linear(_normed(t, "backbone.final_layer_norm", x.mT), t["head.out.weight"], t["head.out.bias"]).mT
    magnitude, phase = x[:, :513].exp().clamp(max=1e2), x[:, 513:]
    spectrum = magnitude * torch.complex(phase.cos(), phase.sin())
    return torch.istft(spectrum, 1024, 256, 1024, torch.hann_window(1024))


class _Maker:
    """Random tensors under the names of a file."""

    def __init__(self, *, new: bool) -> None:
        self._generator = torch.Generator().manual_seed(0)
        self._ends = _NEW if new else _OLD
        self.tensors: Tensors = {}

    def random(self, *shape: int) -> Tensor:
        return 0.4 * torch.randn(*shape, generator=self._generator)

    def conv(self, name: str, out: int, into: int, kernel: int, *, bias: int = 0, normed: bool = True) -> None:
        direction = self.random(out, into, kernel)
        length = 0.6 + 0.2 * torch.rand(out, 1, 1, generator=self._generator)
        weights = dict(zip(self._ends, (length, direction), strict=True)) if normed else {"weight": direction}
        self.tensors |= {f"{name}.{end}": tensor for end, tensor in weights.items()}
        self.tensors[f"{name}.bias"] = 0.1 * self.random(bias or out)

    def bend(self, name: str, width: int, *, beta: bool) -> None:
        taps = torch.tensor([-2.0, 3, -1, 5, 9, 20, 20, 9, 5, -1, 3, -2])
        taps = (taps / taps.sum())[None, None]
        self.tensors[f"{name}.act.alpha"] = self.random(width)
        if beta:
            self.tensors[f"{name}.act.beta"] = self.random(width)
        self.tensors |= {f"{name}.upsample.filter": taps, f"{name}.downsample.lowpass.filter": taps}


def _plain(t: Tensors, name: str) -> tuple[Tensor, Tensor | None]:
    for length_end, direction_end in (_OLD, _NEW):
        if f"{name}.{length_end}" in t:
            direction = t[f"{name}.{direction_end}"]
            weight = t[f"{name}.{length_end}"] * direction / direction.square().sum(dim=(1, 2), keepdim=True).sqrt()
            return weight, t.get(f"{name}.bias")
    raise KeyError(name)


def _same(t: Tensors, name: str, x: Tensor, dilation: int) -> Tensor:
    weight, bias = _plain(t, name)
    return functional.conv1d(x, weight, bias, dilation=dilation, padding=(weight.shape[2] - 1) * dilation // 2)


def _bent(t: Tensors, name: str, x: Tensor) -> Tensor:
    """By zeros between steps, and by leaving out every other one, in place of strides."""
    alpha = t[f"{name}.act.alpha"].exp()[:, None]
    height = t.get(f"{name}.act.beta", t[f"{name}.act.alpha"]).exp()[:, None]
    taps = t[f"{name}.upsample.filter"].expand(x.shape[1], 1, -1)
    held = functional.pad(x, (5, 5), mode="replicate")
    stuffed = torch.stack([held, torch.zeros_like(held)], dim=3).flatten(2)[:, :, :-1]
    twice = 2 * functional.conv1d(stuffed, taps, padding=11, groups=x.shape[1])[:, :, 15:-15]
    bent = twice + (twice * alpha).sin() ** 2 / (height + 1e-9)
    filtered = functional.conv1d(functional.pad(bent, (5, 6), mode="replicate"), taps, groups=x.shape[1])
    return filtered[:, :, ::2]


def _normed(t: Tensors, name: str, x: Tensor) -> Tensor:
    centred = x - x.mean(dim=-1, keepdim=True)
    return (
        centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-6).sqrt() * t[f"{name}.weight"] + t[f"{name}.bias"]
    )


def natural(frames: Tensor, floor_db: float, range_db: float) -> Tensor:
    """ln of mel magnitudes of a 0…1 picture."""
    return (frames * range_db + floor_db) / 20 * math.log(10)


Sound = Callable[[Tensors, Tensor], Tensor]
