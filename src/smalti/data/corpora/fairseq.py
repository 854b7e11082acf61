"""fairseq's `train.tsv` (and `valid.tsv`): the root folder in the first line, then `relative/path<TAB>length`.

Samples of sound, or frames of log-mels in `.npy` files: what the files themselves say is what counts.
"""

from pathlib import Path

from smalti.audio import shown
from smalti.core import DataError
from smalti.data.corpora.rows import Row
from smalti.store import read_text

_LISTS = ("train", "valid", "test")


def fairseq(source: Path) -> list[Row]:
    """All listed recordings, in one list or in those of a folder; the name of a list is the split.

    Where the root is not there, as in a list that was moved with its folder, and the first recording lies beside the
    list, that is the root.

    Raises:
        DataError: if there is no list.
    """
    lists = [source] if source.is_file() else [p for p in (source / f"{name}.tsv" for name in _LISTS) if p.is_file()]
    if not lists:
        raise DataError(f"{source}: holds no train.tsv; name the folder or file that is one")
    return [row for path in lists for row in _rows(path)]


def _rows(path: Path) -> list[Row]:
    first, *lines = read_text(path).splitlines() or [""]
    if not first:
        raise DataError(f"{shown(path)}: names no root in its first line; fetch it again")
    names = [line.split("\t")[0] for line in lines if line]
    root = path.parent / first
    if not root.is_dir() and names and (path.parent / names[0]).is_file():
        root = path.parent
    return [{"path": str(root / name), "split": path.stem} for name in names]
