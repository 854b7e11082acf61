"""A fixed step as an ONNX graph, and such a graph run step by step. Needs the extra `onnx`."""

import json
import logging
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from smalti.core import ParameterError
from smalti.nn.fixed_step import FixedStep

NEXT = "next_"  # before the name of a state, where it comes out
WORDS = "smalti"  # key of a graph's metadata
_OPSET = 18


def onnx_graph(step: FixedStep, words: Mapping[str, Any]) -> bytes:
    """The graph of a step.

    Args:
        step: what to export.
        words: kept as JSON in the graph's metadata.
    Raises:
        ParameterError: if the libraries are not there.
    """
    require_onnx()
    with _quiet():
        program = torch.onnx.export(
            step.net,
            (step.example, *step.state.values()),
            input_names=[step.given, *step.state],
            output_names=[*step.late, *(NEXT + name for name in step.state)],
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    # the exporter notes beside every node which line of which file it came from
    for each in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, model.graph):
        each.doc_string = ""
        del each.metadata_props[:]
    for function in model.functions:
        for each in (function, *function.node):
            each.doc_string = ""
            del each.metadata_props[:]
    del model.metadata_props[:]
    model.metadata_props.add(key=WORDS, value=json.dumps(words, sort_keys=True))
    return model.SerializeToString(deterministic=True)


class OnnxStep:
    """Runs a graph of `onnx_graph` step by step, its state carried from each to the next."""

    def __init__(self, graph: bytes, step: FixedStep) -> None:
        """Open it, at the beginning.

        Args:
            graph: as `onnx_graph` gives it.
            step: what it was made of: names and the state at the beginning.
        Raises:
            ParameterError: if the libraries are not there.
        """
        require_onnx()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._given, self._made = step.given, list(step.late)
        self._state = {name: value.numpy() for name, value in step.state.items()}

    def __call__(self, given: Tensor) -> dict[str, Tensor]:
        """All that it makes of the next block."""
        outputs = self._session.run(None, {self._given: given.numpy(), **self._state})
        self._state = dict(zip(self._state, outputs[len(self._made) :], strict=True))
        return {name: torch.from_numpy(value) for name, value in zip(self._made, outputs, strict=False)}


def require_onnx() -> None:
    """See that the libraries are there.

    Raises:
        ParameterError: naming what is missing and how to get it.
    """
    from importlib.util import find_spec

    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise ParameterError(f"{', '.join(missing)} not found, wanted for ONNX graphs: pip install 'smalti[onnx]'")


@contextmanager
def _quiet() -> Generator[None]:
    """Keep to itself what the exporter says of other libraries and of its own inside."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [each.level for each in loggers]
    try:
        for each in loggers:
            each.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
