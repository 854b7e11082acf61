"""ESC-50: `meta/esc50.csv` (filename, fold, target, category, …) beside the folder `audio`.

Source: github.com/karolpiczak/ESC-50.
"""

from pathlib import Path

from smalti.data.corpora.rows import Row, csv_rows


def esc50(source: Path) -> list[Row]:
    """All listed clips; label is the category, fold the official one, source_id the recording a clip was cut from."""
    return [
        {
            "path": f"audio/{row['filename']}",
            "label": row["category"],
            "fold": row["fold"],
            "source_id": row.get("src_file") or row["filename"].split("-")[1],
        }
        for row in csv_rows(source / "meta" / "esc50.csv")
    ]
