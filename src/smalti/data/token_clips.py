"""Token stores as clips to learn from: codes, and what was true of every frame of them.

One clip may be there several times, in several stores or rows, as the tokens of slightly shifted audio: each
tokenisation is a clip of its own here.
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Condition, Parameter, ParameterError, Schema
from smalti.data.manifest import Manifest
from smalti.data.split import LEARNT
from smalti.store import TokenStore


class TokenClips:
    """Clips of one or more token stores of one spec.

    Attributes:
        spec: of the codes.
        schema: labels and parameters, of the first store's table unless given.
        frames: of each clip.
        training, held_out: positions of the clips whose split is "train" (or not told), and of the others.
    """

    def __init__(self, stores: Sequence[TokenStore], schema: Schema | None = None):
        """Open all clips of some stores.

        Raises:
            SpecError: if the stores hold tokens of different tokenizers.
            ParameterError: if there is no clip, or a label or value is outside the schema.
        """
        for store in stores[1:]:
            stores[0].spec.require(store.spec, f"the tokens in {store.folder}")
        self._stores = [store for store in stores if len(store)]
        if not self._stores:
            raise ParameterError("found no clips to learn from, wanted at least one; encode some into a token store")
        self._tables = [Manifest(store.clips, store.folder) for store in self._stores]
        self._ends = list(accumulate(len(store) for store in self._stores))
        self.spec, self.schema = stores[0].spec, schema or self._tables[0].schema()
        conditions = [table.conditions(self.schema) for table in self._tables]
        self._labels = torch.cat([each.labels[:, 0] for each in conditions])
        self._values = torch.cat([each.values[:, 0] for each in conditions])
        samples = torch.tensor([n for store in self._stores for n in store.clips["samples"].to_pylist()])
        self.frames: Int64[Tensor, " clip"] = -(-samples // self.spec.hop)
        trained = torch.tensor([split in LEARNT for table in self._tables for split in _splits(table)])
        self.training, self.held_out = trained.nonzero().flatten(), (~trained).nonzero().flatten()
        self._track = lru_cache(maxsize=1 << 14)(self._read_track)

    def __len__(self) -> int:
        return self._ends[-1]

    def path(self, clip: int) -> str:
        """Where a clip came from, as it stands in its store."""
        table, row = self._place(clip)
        return str(self._stores[table].clips["path"][row].as_py())

    def codes(self, clip: int) -> Int64[Tensor, "codebook frame"]:
        """All codes of a clip."""
        store, row = self._place(clip)
        return self._stores[store].codes(row)

    def condition(self, clip: int, *, start: int, frames: int) -> Condition:
        """What was true of some frames of a clip, as one row; behind its end the last frame holds."""
        values = self._values[clip].repeat(frames, 1)
        moments = torch.arange(start, start + frames).clamp(max=max(0, int(self.frames[clip]) - 1))
        for index, course in self._track(clip).items():
            values[:, index] = course[moments]
        return Condition(self._labels[clip].repeat(1, frames), values[None])

    def _place(self, clip: int) -> tuple[int, int]:
        store = bisect_right(self._ends, clip)
        return store, clip - (self._ends[store - 1] if store else 0)

    def _read_track(self, clip: int) -> dict[int, Float[Tensor, " frame"]]:
        """Parameters that were recorded over time, by position in the schema, in the middle of each frame."""
        table, _ = self._place(clip)
        if self._stores[table].tracks() is None:
            return {}
        label = int(self._labels[clip])
        known = self.schema.parameters_of(self.schema.labels[label] if label >= 0 else None)
        middles = (np.arange(int(self.frames[clip])) + 0.5) / self.spec.frame_rate
        found: dict[int, Tensor] = {}
        for name, (rate, values) in self._tables[table].track(self.path(clip)).items():
            if name in known:
                heights = _normalised(self.schema.parameters[known[name]], values)
                course = np.interp(middles, np.arange(len(values)) / rate, heights)
                found[known[name]] = torch.from_numpy(course).float()
        return found


def _splits(table: Manifest) -> list[str | None]:
    known = "split" in table.table.column_names
    return table.table["split"].to_pylist() if known else [None] * table.rows


def _normalised(parameter: Parameter, values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
    low, high = parameter.normalise(float(values.min())), parameter.normalise(float(values.max()))
    if parameter.scale == "log":
        values = np.log(values)
    lowest, highest = values.min(), values.max()
    return low + (values - lowest) / max(highest - lowest, 1e-12) * (high - low)
