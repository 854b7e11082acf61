"""Weights as a length times a direction: normed while they learn, folded into plain ones to be kept."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

_FORMS = (
    (".weight_g", ".weight_v"),
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
)


def norm_weights(module: nn.Module) -> None:
    """Give every convolution within a length and a direction per first axis, in place.

    Source: Salimans & Kingma 2016.
    """
    for part in list(module.modules()):
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d):
            parametrizations.weight_norm(part)


def fold_weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same state with plain weights: g · v / ‖v‖, the norm over all axes but the first.

    Both forms are known: `weight_g, weight_v` and `parametrizations.weight.original0, original1`.
    """
    folded = dict(tensors)
    for length_end, direction_end in _FORMS:
        for name in [name for name in folded if name.endswith(length_end)]:
            stem = name.removesuffix(length_end)
            if stem + direction_end not in folded:
                continue
            length, direction = folded.pop(name), folded.pop(stem + direction_end)
            axes = tuple(range(1, direction.dim()))
            folded[f"{stem}.weight"] = length * direction / torch.linalg.vector_norm(direction, dim=axes, keepdim=True)
    return folded
