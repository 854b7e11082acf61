"""wav2tok's data lists, as JSON instead of pickle: `[train, test]`, each a list of paths or label → paths.

One such list or dictionary alone, without splits, is read as well.
"""

from pathlib import Path
from typing import Any

from smalti.audio import shown
from smalti.core import DataError
from smalti.data.corpora.rows import Row, list_file
from smalti.store import read_json

_SPLITS = ("train", "test")
_CONVERT = (
    "pickles are never read, as they can hold programs: where you trust it, load it in Python and write the same "
    "lists by json.dump"
)


def wav2tok(source: Path) -> list[Row]:
    """All listed recordings, with their split if there are two lists and their label if these are by label.

    Paths are relative to the list.

    Raises:
        DataError: if the file is none of these, a pickle (`.bin`), or lists a recording in both splits.
    """
    path = _list_of(source)
    try:
        content = read_json(path)
    except ValueError as error:
        raise DataError(f"{shown(path)}: is no JSON ({error}); {_CONVERT}") from error
    if _is_pair(content):
        train, test = (_rows(path, part) for part in content)
        both = {row["path"] for row in train} & {row["path"] for row in test}
        if both:
            raise DataError(f"{shown(path)}: lists {min(both)} to learn from and to test; leave it out of one")
        return [row | {"split": split} for split, part in zip(_SPLITS, (train, test), strict=True) for row in part]
    return _rows(path, content)


def _list_of(source: Path) -> Path:
    if source.is_dir() and not any(source.glob("*.json")):
        pickles = sorted(source.glob("*.bin"))
        source = pickles[0] if pickles else source
    if source.suffix == ".bin":
        raise DataError(f"{shown(source)}: {_CONVERT}")
    return list_file(source, "*.json")


def _is_pair(content: Any) -> bool:
    return isinstance(content, list) and len(content) == 2 and all(isinstance(part, list | dict) for part in content)


def _rows(path: Path, content: Any) -> list[Row]:
    groups = content if isinstance(content, dict) else {None: content}
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in groups.values()):
        raise DataError(f"{shown(path)}: wanted [train, test] of lists of paths or of label: paths; save it so")
    return [{"path": name, "label": label} for label, names in groups.items() for name in names]
