"""Devices, processes and precision, by Lightning Fabric: one process and the CPU's own best unless asked otherwise."""

from contextlib import AbstractContextManager
from typing import Any, Literal, cast

import torch
from lightning_fabric import Fabric
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Optimizer

from smalti.config import Settings
from smalti.core import ParameterError

Precision = Literal["32", "bf16"]


class EngineSettings(Settings):
    """Where and how precisely a run computes."""

    devices: int = Field(
        default=1, ge=1, description="processes, each with its own device; more than one is data-parallel"
    )
    accelerator: Literal["auto", "cpu", "gpu"] = Field(default="auto", description="auto takes a GPU if there is one")
    precision: Literal["auto", "32", "bf16"] = Field(
        default="auto", description="auto is bf16 where the hardware has it"
    )


class Engine:
    """Runs a recipe's networks: moves, wraps, casts and steps them. Call `launch` once before anything else.

    Attributes:
        settings: what was asked for.
        precision: what that came to here.

    Raises:
        ParameterError: if a device is asked for that is not there.
    """

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        on_gpu = self.settings.accelerator != "cpu" and torch.cuda.is_available()
        self._refuse_what_is_not_there(on_gpu=on_gpu)
        self.precision: Precision = _precision(self.settings.precision, on_gpu=on_gpu)
        self._fabric = Fabric(
            accelerator="gpu" if on_gpu else "cpu",
            devices=self.settings.devices,
            strategy="ddp" if self.settings.devices > 1 else "auto",
            precision="bf16-mixed" if self.precision == "bf16" else "32-true",
        )

    def launch(self) -> "Engine":
        """Start the other processes, if there are to be any: each runs this same command from its beginning."""
        self._fabric.launch()
        return self

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return self._fabric.device

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        return self._fabric.global_rank

    @property
    def world(self) -> int:
        """How many processes train together."""
        return self._fabric.world_size

    def turn(self, step: int) -> int:
        """Number of a step of this process among those of all: they take turns, so that each is shown other clips."""
        return step * self.world + self.rank

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self._fabric.is_global_zero

    @property
    def threads(self) -> int:
        """Threads of this process; runs repeat bit for bit only at the same number."""
        return torch.get_num_threads()

    def setup(self, model: nn.Module, optimiser: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Move a model to the device and make both fit precision and processes; its state dict stays as it was."""
        wrapped: Any = self._fabric.setup(model, optimiser)
        return wrapped[0], wrapped[1]

    def move(self, value: Any) -> Any:
        """Tensors, alone or in lists and dicts, on the device."""
        return self._fabric.to_device(value)

    def autocast(self) -> AbstractContextManager[None]:
        """Inside, matrix products run in the engine's precision."""
        return self._fabric.autocast()

    def backward(self, loss: Tensor) -> None:
        """Gradients of a loss, averaged over processes."""
        self._fabric.backward(loss)

    def everywhere(self, claim: bool) -> bool:
        """Whether a claim holds in all processes; they wait for each other."""
        if self.world == 1:
            return claim
        held = torch.tensor(float(claim), device=self.device)
        return bool(cast(Tensor, self._fabric.all_reduce(held, reduce_op="min")) > 0)

    def total(self, sums: Tensor) -> Tensor:
        """Numbers summed over processes, without gradient."""
        return sums if self.world == 1 else cast(Tensor, self._fabric.all_reduce(sums, reduce_op="sum"))

    def barrier(self) -> None:
        """Wait for the other processes."""
        self._fabric.barrier()

    def _refuse_what_is_not_there(self, *, on_gpu: bool) -> None:
        asked = self.settings
        if asked.accelerator == "gpu" and not on_gpu:
            raise ParameterError("found no GPU, engine.accelerator wants one; set it to auto or cpu")
        if on_gpu and asked.devices > torch.cuda.device_count():
            found = torch.cuda.device_count()
            raise ParameterError(f"found {found} GPUs, engine.devices wants {asked.devices}; set it to {found} at most")


def _precision(asked: str, *, on_gpu: bool) -> Precision:
    if asked != "auto":
        return "bf16" if asked == "bf16" else "32"
    if on_gpu:
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "32"
    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    # Without these instructions bf16 is emulated and slower than fp32.
    return "bf16" if has.get("avx512_bf16") or has.get("amx_bf16") else "32"
