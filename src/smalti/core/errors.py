"""The error tree, drawn once, and the words of a good refusal.

    SmaltiError
    ├── SpecError        two parts do not fit (rates, fingerprints, codebooks)
    ├── ParameterError   a value cannot be (range, name, shape)
    ├── ConfigError      a settings file or a key=value cannot be read
    ├── DataError        audio or a manifest cannot be used
    └── StoreError       a run, store, index or token file is damaged, missing or locked

Every message is one sentence: found, wanted, remedy.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence


class SmaltiError(Exception):
    """Whatever smalti refuses; the command line turns it into one line and exit code 2."""


class SpecError(SmaltiError):
    """Two parts do not fit together."""


class ParameterError(SmaltiError):
    """A value cannot be what was given."""


class ConfigError(SmaltiError):
    """Settings cannot be read as written."""


class DataError(SmaltiError):
    """Audio or a table of it cannot be used."""


class StoreError(SmaltiError):
    """Something on disk is missing, damaged, locked or of another kind."""


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory; torch has no class of its own for that on a CPU."""
    words = ("allocate memory", "out of memory", "bad_alloc", "start new thread")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def reasons(failed: Sequence[Mapping[str, str]], most: int = 3) -> str:
    """A refusal of several files: why the first ones cannot be used, and how many more there are."""
    said = [one["reason"] for one in failed[:most]]
    return "; ".join([*said, *([f"and {len(failed) - most} more"] if len(failed) > most else [])])


def nearest(name: str, choices: Iterable[str]) -> str:
    """Finish a refusal: the closest known name, then all of them (at most twelve)."""
    known = list(choices)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f"{hint}known: {shown or 'none'}"
