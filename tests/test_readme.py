"""What the README says works: its Python runs, and every command of its journey, at the smallest size."""

import re
import shlex
from pathlib import Path

import pytest

from journey import TINY_CODEC, TINY_LM
from smalti.cli import run

README = Path(__file__).parents[1] / "README.md"
SMALLER = {"--clips 210": "--clips 6", "--seconds 4": "--seconds 0.8", "--seconds 10": "--seconds 0.5"}
SETTINGS = {"melvqvae/textures": TINY_CODEC, "synthformer/tiny": TINY_LM, "melgpt/tiny": TINY_LM}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def _commands(block: str) -> list[list[str]]:
    for long, short in SMALLER.items():
        block = block.replace(long, short)
    lines = [shlex.split(line, comments=True) for line in block.splitlines() if line.startswith("smalti ")]
    return [[*line[1:], *next((SETTINGS[word] for word in line if word in SETTINGS), ())] for line in lines]


def test_the_eight_lines_run_and_write_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = _blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "rain.wav").stat().st_size > 16_000


@pytest.mark.slow
def test_every_command_of_the_journey_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (journey,) = [block for block in _blocks("bash") if "smalti train" in block]
    commands = _commands(journey)
    assert [command[0] for command in commands] == [
        "textures", "train", "evaluate", "encode", "train", "generate", "evaluate",
    ]  # fmt: skip
    for command in commands:
        if command[:2] == ["evaluate", "generation"]:
            command += ["--seconds", "0.5", "--clips", "2"]
        assert run(command) == 0, command


def test_the_listing_names_every_room():
    rooms = {path.parent.name for path in (README.parent / "src" / "smalti").glob("*/__init__.py")}
    listed = set(re.findall(r"^[├└]── (\w+)/", README.read_text("utf-8"), re.MULTILINE))
    assert rooms <= listed
