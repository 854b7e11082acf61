"""What the journeys say works: every command, at the smallest size, and every key of their argument tables."""

import re
from pathlib import Path

import pytest

from journey import TINY_GRID_CODEC, TINY_LM, TINY_MASKED, TINY_VAE, TINY_VOCODER
from pages import blocks, commands
from smalti.cli import run
from smalti.config.suggest import keys
from smalti.data.textures import textures
from smalti.systems import SYSTEMS

JOURNEYS = Path(__file__).parents[2] / "journeys"
SMALLER = {"--seconds 4": "--seconds 0.8", "--passes 12": "--passes 3"}
SETTINGS = {
    "melvqvae/tiny": TINY_GRID_CODEC,
    "melgpt/tiny": TINY_LM,
    "melgpt/masked": TINY_MASKED,
    "melgpt/vae": TINY_VAE,
    "melgpt/vae-stage1": TINY_VAE,
    "vocoder/tiny": TINY_VOCODER,
}
PUBLISHED = {"melvq", "almtokenizer"}  # pages that account for the arguments of a published system
VERBS = Path(__file__).parents[2] / "src" / "smalti" / "cli"


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder with a sub-folder per class, as people have it."""
    textures(tmp_path / "rendered", clips=6, seconds=0.8, kinds=["pistons", "rain"], sample_rate=22_050)
    for kind in ("pistons", "rain"):
        for name, path in zip("abcdef", sorted((tmp_path / "rendered").glob(f"{kind}/*.flac")), strict=True):
            target = tmp_path / "recordings" / kind / f"{name}.flac"
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(JOURNEYS.glob("*.md")), ids=lambda page: page.stem)
def test_every_command_of_a_journey_works(page: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recordings)
    lines = [line for block in blocks(page, "bash") for line in commands(block, smaller=SMALLER, settings=SETTINGS)]
    assert len(lines) > (15 if page.stem in PUBLISHED else 10)
    for line in lines:
        if line[:2] == ["evaluate", "generation"]:
            line += ["--seconds", "0.5", "--clips", "2"]
        assert run(line) == 0, line
    for code in blocks(page, "python"):
        exec(compile(code, page.name, "exec"), {})


@pytest.mark.parametrize("page", sorted(JOURNEYS.glob("*.md")), ids=lambda page: page.stem)
def test_every_key_of_the_argument_tables_exists(page: Path) -> None:
    settings = [system.learning.settings() for system in SYSTEMS.values() if system.learning]
    known = {key for one in settings for key in keys(one)}
    options = "\n".join(path.read_text("utf-8") for path in VERBS.glob("*.py")).replace("_", "-")
    rows = re.findall(r"^\| (`[^|]*`) \| (`[^|]*`) \|", page.read_text("utf-8"), re.MULTILINE)
    named = [name for _, ours in rows for name in re.findall(r"`([^`]+)`", ours)]
    assert len(named) > 40 or page.stem not in PUBLISHED
    for name in named:
        if name.startswith("--"):
            assert f'"{name}"' in options or re.search(rf"\b{name[2:]}: ", options), name
        elif name.startswith("smalti "):
            assert (VERBS / f"{name.split()[1]}.py").exists(), name
        else:
            assert name in known, name
