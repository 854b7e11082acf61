"""wav2tok's data lists, as JSON instead of pickle: a list of paths, or label → paths."""

import json
from pathlib import Path

from smalti.audio import shown
from smalti.core import DataError
from smalti.data.corpora.rows import Row, list_file


def wav2tok(source: Path) -> list[Row]:
    """All listed recordings, labelled if the list is by label; paths are relative to the list.

    Raises:
        DataError: if the file is neither.
    """
    path = list_file(source, "*.json")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(
            f"{shown(path)}: is no JSON ({error}); pickles are never read, save the list as JSON"
        ) from error
    groups = content if isinstance(content, dict) else {None: content}
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in groups.values()):
        raise DataError(f"{shown(path)}: wanted a list of paths or label: paths; save it in one of these forms")
    return [{"path": name, "label": label} for label, names in groups.items() for name in names]
