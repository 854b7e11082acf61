"""Part of the fault kit: a few recordings to learn from or to encode."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile


def some_sounds(folder: Path, lengths: Sequence[float], *, sample_rate: int = 8000) -> Path:
    """Tones of so many seconds with their manifest; the folder."""
    folder.mkdir()
    rows = ["path,seconds,split"]
    for clip, seconds in enumerate(lengths):
        wave = np.sin(np.arange(round(seconds * sample_rate), dtype=np.float32) / (clip + 2)) / 3
        soundfile.write(folder / f"{clip}.flac", wave, sample_rate)
        rows.append(f"{clip}.flac,{seconds},train")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder
