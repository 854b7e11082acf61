"""Foreign tensors into a net of ours: each in its place, or a sentence that names the first that is not."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from smalti.core import StoreError


def refuse_non_finite(tensors: Mapping[str, Tensor]) -> None:
    """Weights must be numbers.

    Raises:
        StoreError: if one is NaN or infinite; names its tensor.
    """
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise StoreError(f"{name} holds NaN or Inf, wanted finite weights; get the file again")


def fill(net: nn.Module, tensors: Mapping[str, Tensor], kind: str, names: Mapping[str, str] | None = None) -> None:
    """Load a net's whole state, as float32.

    Args:
        net: may lie on the meta device; the tensors become its own.
        tensors: by their names in the file.
        kind: what the file was said to be.
        names: the file's name of each of the net's tensors; None if they are the same.
    Raises:
        StoreError: if a tensor is missing, of another shape or unknown; names it as the file does.
    """
    wanted = net.state_dict()
    there = {ours: ours for ours in wanted} if names is None else names
    filled: dict[str, Tensor] = {}
    for ours, tensor in wanted.items():
        name = there[ours]
        if name not in tensors:
            raise StoreError(f"this is no whole {kind}: {name} is missing; get the file again")
        if tensors[name].shape != tensor.shape:
            found, shape = list(tensors[name].shape), list(tensor.shape)
            raise StoreError(f"{name} of this {kind} has the shape {found}, wanted {shape}; get the file again")
        filled[ours] = tensors[name].float()
    if unknown := sorted(set(tensors) - set(there.values())):
        raise StoreError(f"this is no {kind}: {unknown[0]} and {len(unknown) - 1} more are unknown; name its format")
    net.load_state_dict(filled, assign=True)
