"""What the README says works: its Python runs, and every command of its journey, at the smallest size."""

import re
from pathlib import Path

import pytest

from journey import TINY_CODEC, TINY_KMEANS, TINY_LM, TINY_MATPAC
from pages import blocks, commands
from smalti.cli import run

README = Path(__file__).parents[1] / "README.md"
SMALLER = {"--clips 210": "--clips 6", "--seconds 4": "--seconds 0.8", "--seconds 10": "--seconds 0.5"}
SETTINGS = {
    "melvqvae/textures": TINY_CODEC,
    "synthformer/tiny": TINY_LM,
    "melgpt/tiny": TINY_LM,
    "matpac/micro": TINY_MATPAC,
    "kmeans": TINY_KMEANS,
}


def test_the_eight_lines_run_and_write_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(README, "python")
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "rain.wav").stat().st_size > 16_000


@pytest.mark.slow
def test_every_command_of_the_journey_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = [block for block in blocks(README, "bash") if "smalti train" in block]
    lines = [line for part in parts for line in commands(part, smaller=SMALLER, settings=SETTINGS)]
    assert [command[0] for command in lines] == [
        "textures", "train", "evaluate", "encode", "train", "generate", "evaluate",
        "train", "evaluate", "embed", "train",
    ]  # fmt: skip
    for command in lines:
        if command[:2] == ["evaluate", "generation"]:
            command += ["--seconds", "0.5", "--clips", "2", "--null-clips", "3"]
        assert run(command) == 0, command


def test_the_listing_names_every_room():
    rooms = {path.parent.name for path in (README.parent / "src" / "smalti").glob("*/__init__.py")}
    listed = set(re.findall(r"^[├└]── (\w+)/", README.read_text("utf-8"), re.MULTILINE))
    assert rooms <= listed
