"""Token stores as clips to learn from: codes, and what was true of every frame of them.

One clip may be there several times, in several stores or rows, as the tokens of slightly shifted audio: each
tokenisation is a clip of its own here.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import torch
from jaxtyping import Int64
from torch import Tensor

from smalti.core import Condition, ParameterError, Schema
from smalti.data.frame_conditions import FrameConditions
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
        samples = torch.tensor([n for store in self._stores for n in store.clips["samples"].to_pylist()])
        self.frames: Int64[Tensor, " clip"] = -(-samples // self.spec.hop)
        trained = torch.tensor([split in LEARNT for table in self._tables for split in _splits(table)])
        self.training, self.held_out = trained.nonzero().flatten(), (~trained).nonzero().flatten()
        self._told = FrameConditions(self._tables, self.schema, frames=self.frames, frame_rate=self.spec.frame_rate)

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
        store, _ = self._place(clip)
        self._stores[store].tracks()  # refuses damaged ones before they are read
        return self._told.at(clip, start=start, frames=frames)

    def _place(self, clip: int) -> tuple[int, int]:
        store = bisect_right(self._ends, clip)
        return store, clip - (self._ends[store - 1] if store else 0)


def _splits(table: Manifest) -> list[str | None]:
    known = "split" in table.table.column_names
    return table.table["split"].to_pylist() if known else [None] * table.rows
