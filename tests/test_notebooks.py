"""The notebooks run from their first cell to their last, at the smallest size, and keep nothing of what they showed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from journey import TINY_CODEC, TINY_LM

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SMALLER = {
    "train": {
        '["pistons", "rain", "wind"], 210, 4.0': '["pistons", "rain", "wind"], 5, 0.8',
        "CODEC, MODEL = [], []": f"CODEC, MODEL = {list(TINY_CODEC)}, {list(TINY_LM)}",
    },
    "explore": {'Path("textures/model"), 6.0': 'Path("textures/model"), 0.8'},
}
SHELL = "version_info = (9, 0)\n\ndef get_ipython():\n    return None\n"
PLAYER = """
class Audio:
    def __init__(self, data, rate=None):
        assert len(data) > 3

def display(shown):
    pass
"""


def cells(name: str, kind: str) -> list[dict[str, Any]]:
    told = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text("utf-8"))
    assert told["nbformat"] == 4
    return [cell for cell in told["cells"] if cell["cell_type"] == kind]


def program(name: str) -> str:
    """All code of a notebook at the smallest size."""
    code = "\n\n".join("".join(cell["source"]) for cell in cells(name, "code"))
    for large, small in SMALLER[name].items():
        assert large in code
        code = code.replace(large, small)
    return code


@pytest.mark.slow
def test_the_notebooks_run_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "IPython").mkdir()
    (tmp_path / "IPython" / "__init__.py").write_text(SHELL)
    (tmp_path / "IPython" / "display.py").write_text(PLAYER)
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    for name in ("train", "explore"):
        done = subprocess.run(
            [sys.executable, "-c", program(name)],
            cwd=tmp_path,
            env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    assert {"rain.wav", "rising.wav", "into.wav", "tour.wav"} <= {path.name for path in tmp_path.rglob("*.wav")}


@pytest.mark.parametrize("name", sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))
def test_what_a_notebook_showed_is_not_kept(name: str) -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells(name, "code"))
    assert cells(name, "markdown")[0]["source"][0].startswith("# ")
    assert (NOTEBOOKS / f"{name}.ipynb").stat().st_size < 20_000
