"""Pages that hold commands: every `smalti …` line of their bash blocks, as the command line takes it."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def commands(block: str, *, smaller: Mapping[str, str], settings: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Commands of a block at the smallest size.

    Args:
        block: its text; lines that end in a backslash go on in the next.
        smaller: texts to replace, such as long durations.
        settings: overrides that follow a preset's name wherever it stands.
    """
    for long, short in smaller.items():
        block = block.replace(long, short)
    joined = block.replace("\\\n", " ").splitlines()
    lines = [shlex.split(line, comments=True) for line in joined if line.startswith("smalti ")]
    return [[*line[1:], *next((settings[word] for word in line if word in settings), ())] for line in lines]
