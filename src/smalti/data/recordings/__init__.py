"""A few real recordings that come with smalti, so that demo and tests run offline: 21 CC0 clips of five classes.

`ATTRIBUTION.md` beside them names their authors; `manifest.csv` keeps authors of test clips out of training.
"""

from pathlib import Path


def recordings_folder() -> Path:
    """The folder with the clips, one sub-folder a class, and their manifest.csv."""
    return Path(__file__).parent
