"""Recordings as an index is given them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int8, UInt8

from smalti.search.strings import TokenString


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording that an index holds or shall hold.

    Attributes:
        path: its name; an index holds it once.
        label: what it is, if known.
        digest: of its bytes, so that a changed recording is heard again.
        facts: what else is known of it, such as its speaker.
    """

    path: str
    label: str | None = None
    digest: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def key(self) -> tuple[str, str | None, str, str]:
        """Equal for what need not be indexed again."""
        facts = json.dumps(dict(self.facts), sort_keys=True) if self.facts else "{}"
        return self.path, self.label, self.digest, facts


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording and what was heard in it.

    Attributes:
        entry: the recording.
        string: all of its tokens.
        seconds: its length.
        posteriors: of every frame, see `smalti.search.posteriors`; None if they are not kept.
        moments: what it sounds like, see `smalti.search.likeness`; None if that is not kept.
    """

    entry: Entry
    string: TokenString
    seconds: float
    posteriors: UInt8[np.ndarray, "frame vocab"] | None = None
    moments: Int8[np.ndarray, "moment dim"] | None = None
