"""Export: a codec's streams as ONNX graphs of one step each, written only if they do what the codec does.

A step takes a token frame's samples, or its codes, and the state, and gives codes, or samples, and the next state. All
shapes are fixed and all state is zeros at the beginning; whoever runs it feeds each `next_NAME` back as NAME.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from smalti.core import SpecError, StoreError, StreamingCodec
from smalti.nn.fixed_step import FixedStep, HasFixedSteps, joined
from smalti.nn.onnx_step import NEXT, OnnxStep, onnx_graph, require_onnx
from smalti.store import write_bytes
from smalti.systems.hearing import RunName, heard_as
from smalti.systems.registry import load_codec

SIDECAR = "steps.json"
_PROOF_STEPS = 8
_TOLERANCE = 1e-4
_ROUNDINGS, _ROUNDING = 16, 1e-5  # tries, and how much each changes a sample


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was exported.

    Attributes:
        path: as asked.
        files: graphs, and the table of their names and shapes.
        bytes: of all files.
        delay: samples by which sound comes out behind what went in, encoder and decoder together.
        steps_compared: steps of noise over which graphs and codec were compared.
        largest_difference: between their samples.
    """

    path: Path
    files: tuple[str, ...]
    bytes: int
    delay: int
    steps_compared: int
    largest_difference: float


def export(run: RunName, *, to: Path) -> ExportReport:
    """Write a codec's streaming steps as ONNX graphs; nothing is written unless they agree with the codec.

    Args:
        run: a codec's run folder or shipped name, maybe with a rate.
        to: a folder for encoder.onnx, decoder.onnx and steps.json; or a .onnx file for both in one step, with its
            table in a .json beside it.
    Raises:
        SpecError: if the codec has no such steps, or a graph gives other codes or samples than it.
        ParameterError: if the libraries are not there, or the codec does not have the rate.
        StoreError: if the run cannot be opened or the files cannot be written.
    """
    require_onnx()
    codec = load_codec(run)
    if not isinstance(codec, HasFixedSteps) or not isinstance(codec, StreamingCodec):
        raise SpecError(f"{heard_as(run).run} has no streaming step of fixed size; export an almtokenizer's run")
    return write_steps(codec, codec.fixed_steps(), to)


@torch.no_grad()
def write_steps(codec: StreamingCodec, steps: Mapping[str, FixedStep], to: Path) -> ExportReport:
    """Write the `encoder` and `decoder` of a codec; arguments and errors as of `export`."""
    one = to.suffix == ".onnx"
    if to.is_dir() if one else to.is_file():
        raise StoreError(f"{to} is a {'folder' if one else 'file'}; name a .onnx file or a folder")
    if one:
        steps = {to.stem: joined(steps["encoder"], steps["decoder"])}
    words = {name: _words(codec, step, f"{name}.onnx") for name, step in steps.items()}
    graphs = {name: onnx_graph(step, words[name]) for name, step in steps.items()}
    difference = max(_proved(codec, step, OnnxStep(graphs[name], step)) for name, step in steps.items())
    files = {f"{name}.onnx": graph for name, graph in graphs.items()}
    table = to.with_suffix(".json").name if one else SIDECAR
    files[table] = (json.dumps({"format": 1, **words}, indent=2) + "\n").encode()
    for name, data in files.items():
        write_bytes((to.parent if one else to) / name, data)
    return ExportReport(
        path=to,
        files=tuple(files),
        bytes=sum(len(data) for data in files.values()),
        delay=max(step.late["sound"] for step in steps.values() if "sound" in step.late)
        + (0 if one else steps["encoder"].late["codes"]),
        steps_compared=_PROOF_STEPS,
        largest_difference=difference,
    )


def _words(codec: StreamingCodec, step: FixedStep, file: str) -> dict[str, Any]:
    """All that one needs to run a graph."""
    made = step.net(step.example, *step.state.values())
    spec = codec.spec
    return {
        "file": file,
        "spec": {**asdict(spec), "frame_rate": spec.frame_rate, "bitrate": spec.bitrate},
        "samples_per_step": spec.hop,
        "input": {"name": step.given, **_shape(step.example)},
        "outputs": [
            {"name": name, **_shape(value), "late_samples": late}
            for (name, late), value in zip(step.late.items(), made, strict=False)
        ],
        "state": [{"name": name, "next": NEXT + name, **_shape(value)} for name, value in step.state.items()],
        "begin": "every state is zeros; codes are those of the sound with as much silence in front as they are late",
    }


def _shape(value: Tensor) -> Mapping[str, Any]:
    return {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}


def _proved(codec: StreamingCodec, step: FixedStep, graph: OnnxStep) -> float:
    """The largest difference between samples of a graph and of the codec's streams.

    Raises:
        SpecError: if codes differ that are no tie of the codec's, or samples by more than 1e-4.
    """
    given = _noise(codec, step)
    blocks = [graph(block) for block in given.split(step.example.shape[-1], dim=-1)]
    made = {name: torch.cat([block[name] for block in blocks], dim=-1)[0] for name in step.late}
    codes = made.get("codes", given[0])
    if "codes" in made:
        sound = torch.cat([torch.zeros(step.late["codes"]), given[0]])
        wrong = unlike_codes(lambda one: codec.encoder_stream().push(one), sound, codes)
        if wrong:
            raise SpecError(f"the graph gives {wrong} of {codes.numel()} codes unlike the codec; nothing was written")
    if "sound" not in made:
        return 0.0
    late = step.late["sound"] - step.late.get("codes", 0)
    found, wanted = made["sound"][late:], codec.decoder_stream().push(codes)
    difference = float((found - wanted).abs().max())
    if not difference <= _TOLERANCE:
        raise SpecError(f"the graph's samples are {difference:.2g} off, wanted {_TOLERANCE:g}; nothing was written")
    return difference


def unlike_codes(encode: Callable[[Tensor], Tensor], sound: Tensor, codes: Tensor) -> int:
    """How many codes are others than the codec's, but for those that it changes itself once sound is rounded otherwise.

    Two code vectors may be all but equally near; which of them is nearer may differ between machines, and graphs.
    """
    wanted = encode(sound)
    unlike, generator = codes != wanted, torch.Generator().manual_seed(1)
    for _ in range(_ROUNDINGS if unlike.any() else 0):
        rounded = sound * (1 + _ROUNDING * torch.randn(sound.shape, generator=generator))
        unlike &= encode(rounded) == wanted
    return int(unlike.sum())


def _noise(codec: StreamingCodec, step: FixedStep) -> Tensor:
    """Steps of noise that swells, or of random codes."""
    generator, shape = torch.Generator().manual_seed(0), step.example.shape
    size = (*shape[:-1], _PROOF_STEPS * shape[-1])
    if step.given == "codes":
        return torch.randint(codec.spec.vocab, size, generator=generator)
    return torch.randn(size, generator=generator) * torch.linspace(0, 0.3, size[-1])
