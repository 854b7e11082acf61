"""What was true of every frame of a manifest's recordings: their labels, their parameters, and those that moved."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Condition, Parameter, Schema
from smalti.data.manifest import Manifest


class FrameConditions:
    """Conditions of clips by position, all rows of one table after those of another."""

    def __init__(
        self, tables: Sequence[Manifest], schema: Schema, *, frames: Int64[Tensor, " clip"], frame_rate: float
    ):
        """Read labels and parameters; movement is read when it is asked for.

        Args:
            tables: whose rows are the clips.
            schema: what can be told.
            frames: of each clip.
            frame_rate: of these, in Hz.
        Raises:
            ParameterError: if a label or value is outside the schema.
        """
        self._tables, self._schema, self._frames, self._rate = tables, schema, frames, frame_rate
        self._ends = list(accumulate(table.rows for table in tables))
        conditions = [table.conditions(schema) for table in tables]
        self._labels = torch.cat([each.labels[:, 0] for each in conditions])
        self._values = torch.cat([each.values[:, 0] for each in conditions])
        self._track = lru_cache(maxsize=1 << 14)(self._read_track)

    def at(self, clip: int, *, start: int, frames: int) -> Condition:
        """What was true of some frames of a clip, as one row; behind its end the last frame holds."""
        values = self._values[clip].repeat(frames, 1)
        moments = torch.arange(start, start + frames).clamp(max=max(0, int(self._frames[clip]) - 1))
        for index, course in self._track(clip).items():
            values[:, index] = course[moments]
        return Condition(self._labels[clip].repeat(1, frames), values[None])

    def _read_track(self, clip: int) -> dict[int, Float[Tensor, " frame"]]:
        """Parameters that were recorded over time, by position in the schema, in the middle of each frame."""
        at = bisect_right(self._ends, clip)
        table, row = self._tables[at], clip - (self._ends[at - 1] if at else 0)
        label = int(self._labels[clip])
        known = self._schema.parameters_of(self._schema.labels[label] if label >= 0 else None)
        middles = (np.arange(int(self._frames[clip])) + 0.5) / self._rate
        found: dict[int, Tensor] = {}
        for name, (rate, values) in table.track(str(table.table["path"][row].as_py())).items():
            if name in known:
                heights = _normalised(self._schema.parameters[known[name]], values)
                course = np.interp(middles, np.arange(len(values)) / rate, heights)
                found[known[name]] = torch.from_numpy(course).float()
        return found


def _normalised(parameter: Parameter, values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
    low, high = parameter.normalise(float(values.min())), parameter.normalise(float(values.max()))
    if parameter.scale == "log":
        values = np.log(values)
    lowest, highest = values.min(), values.max()
    return low + (values - lowest) / max(highest - lowest, 1e-12) * (high - low)
