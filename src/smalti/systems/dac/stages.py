"""The net's layers step by step: each keeps what it still needs of the past, and nothing is heard twice.

A layer that hears both ways gives its output late, as soon as all that it hears has come. Before the first step and
behind the last one lie zeros at every layer, as in one pass over the whole: `limit` says where the last one is. What
a layer makes of steps behind it is set to zero, which is what the padding of the next layer is.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from smalti.systems.dac.net import ResidualUnit

_LONG = 4  # times as many steps as channels: from there on a convolution is quicker than one matrix product
Steps = Float[Tensor, "batch dim step"]


@runtime_checkable
class Stage(Protocol):
    """One layer, or several in a row."""

    def ahead(self, wanted: int) -> int:
        """Input steps beyond a step's own that come before its output, and `wanted` more of that, can be given."""
        ...

    def step(self, steps: Steps, limit: int | None) -> tuple[Tensor, int | None]:
        """Output steps that no later input changes.

        Args:
            steps: the next ones; all together must come in pieces of the same sizes for the same bits.
            limit: how many steps there are in all, once that is known; what comes behind them is not there.
        Returns:
            The next output steps, and how many there are in all.
        """
        ...


class InRow:
    """Stages in a row."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        """Of a net's layers, the first first; these hear nothing yet."""
        self._stages: Sequence[Stage] = [_stage(layer) for layer in layers]

    def ahead(self, wanted: int) -> int:
        """As of `Stage`."""
        for stage in reversed(self._stages):
            wanted = stage.ahead(wanted)
        return wanted

    def step(self, steps: Steps, limit: int | None) -> tuple[Tensor, int | None]:
        """As of `Stage`."""
        for stage in self._stages:
            steps, limit = stage.step(steps, limit)
        return steps, limit


def _stage(layer: nn.Module) -> Stage:
    if isinstance(layer, nn.Sequential):
        return InRow(layer)
    if isinstance(layer, ResidualUnit):
        return _Residual(layer)
    if isinstance(layer, nn.Conv1d):
        return _Convolution(layer)
    return _Lengthening(layer) if isinstance(layer, nn.ConvTranspose1d) else _Pointwise(layer)


class _Pointwise:
    def __init__(self, layer: nn.Module) -> None:
        self._layer = layer
        self._given = 0

    def ahead(self, wanted: int) -> int:
        return wanted

    def step(self, steps: Steps, limit: int | None) -> tuple[Tensor, int | None]:
        self._given += steps.shape[2]
        return _ended(self._layer(steps), self._given, limit), limit


class _Residual:
    """What comes in waits for what the layers make of it."""

    def __init__(self, unit: ResidualUnit) -> None:
        self._branch = InRow(unit.layers)
        self._waiting: Tensor | None = None

    def ahead(self, wanted: int) -> int:
        return self._branch.ahead(wanted)

    def step(self, steps: Steps, limit: int | None) -> tuple[Tensor, int | None]:
        found, limit = self._branch.step(steps, limit)
        waiting = steps if self._waiting is None else torch.cat([self._waiting, steps], dim=2)
        self._waiting = waiting[:, :, found.shape[2] :]
        return found + waiting[:, :, : found.shape[2]], limit


class _Convolution:
    """Output j hears the inputs from j · stride - padding, `extent` of them."""

    def __init__(self, layer: nn.Conv1d) -> None:
        self._layer = layer
        self._stride, self._dilation = layer.stride[0], layer.dilation[0]
        self._extent = (layer.kernel_size[0] - 1) * self._dilation + 1
        self._padding = int(layer.padding[0])
        self._past: Tensor | None = None
        self._given = 0

    def ahead(self, wanted: int) -> int:
        return wanted * self._stride + self._extent - 1 - self._padding

    def step(self, steps: Steps, limit: int | None) -> tuple[Tensor, int | None]:
        whole = self._with_past(steps)
        count = max(0, (whole.shape[2] - self._extent) // self._stride + 1)
        self._past = whole[:, :, count * self._stride :]
        if limit is not None:
            limit = (limit + 2 * self._padding - self._extent) // self._stride + 1
        if not count:
            return steps.new_zeros(len(steps), self._layer.out_channels, 0), limit
        found = self._convolved(whole, count)
        self._given += count
        return _ended(found, self._given, limit), limit

    def _with_past(self, steps: Steps) -> Float[Tensor, "batch dim more"]:
        if self._extent == 1:
            return steps
        past = steps.new_zeros(*steps.shape[:2], self._padding) if self._past is None else self._past
        return torch.cat([past, steps], dim=2)

    def _convolved(self, whole: Steps, count: int) -> Float[Tensor, "batch wide shorter"]:
        layer = self._layer
        if count > _LONG * layer.in_channels:
            heard = whole[:, :, : (count - 1) * self._stride + self._extent]
            return functional.conv1d(heard, layer.weight, layer.bias, stride=self._stride, dilation=self._dilation)
        assert layer.bias is not None
        batch, row, step = whole.stride()
        shape = (len(whole), layer.in_channels, layer.kernel_size[0], count)
        heard = whole.as_strided(shape, (batch, row, step * self._dilation, step * self._stride)).flatten(1, 2)
        return layer.bias[:, None] + layer.weight.flatten(1) @ heard


class _Lengthening:
    """Input i is heard in the outputs from i · stride - padding, two strides of them."""

    def __init__(self, layer: nn.ConvTranspose1d) -> None:
        self._layer = layer
        self._stride, self._padding = layer.stride[0], int(layer.padding[0])
        self._past: Tensor | None = None
        self._given = 0

    def ahead(self, wanted: int) -> int:
        return (self._stride - 1 + wanted + self._padding) // self._stride

    def step(self, steps: Steps, limit: int | None) -> tuple[Tensor, int | None]:
        if limit is not None:
            limit = limit * self._stride + self._stride - 2 * self._padding
        if not steps.shape[2]:
            return steps.new_zeros(len(steps), self._layer.out_channels, 0), limit
        first = self._past is None
        past = steps.new_zeros(*steps.shape[:2], 1) if self._past is None else self._past
        whole, stride = torch.cat([past, steps], dim=2), self._stride
        self._past = steps[:, :, -1:]
        assert self._layer.bias is not None
        parts = (self._layer.weight.flatten(1).mT @ whole).unflatten(1, (-1, 2, stride))
        joined = (parts[:, :, 0, :, 1:] + parts[:, :, 1, :, :-1]).mT.flatten(2) + self._layer.bias[:, None]
        found = joined[:, :, self._padding if first else 0 :]
        self._given += found.shape[2]
        return _ended(found, self._given, limit), limit


def _ended(found: Steps, given: int, limit: int | None) -> Steps:
    """With zeros in place of what lies behind the end."""
    if limit is None or given <= limit:
        return found
    there = max(0, found.shape[2] - (given - limit))
    return functional.pad(found[:, :, :there], (0, found.shape[2] - there))
