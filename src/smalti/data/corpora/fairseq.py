"""fairseq's `train.tsv` (and `valid.tsv`): the root folder in the first line, then `relative/path<TAB>samples`."""

from pathlib import Path

from smalti.core import DataError
from smalti.data.corpora.rows import Row

_LISTS = ("train", "valid", "test")


def fairseq(source: Path) -> list[Row]:
    """All listed recordings, in one list or in those of a folder; the name of a list is the split.

    Raises:
        DataError: if there is no list.
    """
    lists = [source] if source.is_file() else [p for p in (source / f"{name}.tsv" for name in _LISTS) if p.is_file()]
    if not lists:
        raise DataError(f"{source}: holds no train.tsv; name the folder or file that is one")
    return [row for path in lists for row in _rows(path)]


def _rows(path: Path) -> list[Row]:
    root, *lines = path.read_text(encoding="utf-8").splitlines()
    names = [line.split("\t")[0] for line in lines if line]
    return [{"path": str(Path(root) / name), "split": path.stem} for name in names]
