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

    def ahead(self, wanted: int) -> int:
        return wanted

    def step(self, steps: Steps, limit: int | None) -> tuple[Tensor, int | None]:
        return self._layer(steps), limit


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
        past = steps.new_zeros(*steps.shape[:2], self._padding) if self._past is None else self._past
        whole = torch.cat([past, steps], dim=2)
        count = max(0, (whole.shape[2] - self._extent) // self._stride + 1)
        self._past = whole[:, :, count * self._stride :]
        if limit is not None:
            limit = (limit + 2 * self._padding - self._extent) // self._stride + 1
        if not count:
            return steps.new_zeros(len(steps), self._layer.out_channels, 0), limit
        heard = whole[:, :, : (count - 1) * self._stride + self._extent]
        layer = self._layer
        found = functional.conv1d(heard, layer.weight, layer.bias, stride=self._stride, dilation=self._dilation)
        self._given += count
        return _ended(found, self._given, limit), limit


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
        self._past = whole[:, :, -1:]
        found = functional.conv_transpose1d(whole, self._layer.weight, self._layer.bias, stride=stride)
        before = self._padding if first else 0
        found = found[:, :, stride + before : stride * whole.shape[2]]
        self._given += found.shape[2]
        return _ended(found, self._given, limit), limit


def _ended(found: Steps, given: int, limit: int | None) -> Steps:
    """With zeros in place of what lies behind the end."""
    if limit is None or given <= limit:
        return found
    there = max(0, found.shape[2] - (given - limit))
    return functional.pad(found[:, :, :there], (0, found.shape[2] - there))
