"""VAS: a folder per class with videos or their sound below it; lists `vas_train.txt`, `vas_valid.txt` of `class/name`.

Source: the lists are those of github.com/v-iashin/SpecVQGAN, data folder.
"""

from pathlib import Path, PurePosixPath

from smalti.data.corpora.rows import Row, recordings


def vas(source: Path) -> list[Row]:
    """All recordings; label is the first folder, split that of the list which names `label/stem`."""
    splits = {
        line.strip(): split
        for split in ("train", "valid")
        for path in (source / f"vas_{split}.txt",)
        if path.is_file()
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    rows: list[Row] = []
    for path in map(PurePosixPath, recordings(source)):
        label = path.parts[0]
        rows.append({"path": str(path), "label": label, "split": splits.get(f"{label}/{path.stem}")})
    return rows
