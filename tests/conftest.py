"""What many tests stand on: one thread, and the smallest journey, made once by the same functions that users call."""

import signal
from pathlib import Path

import pytest
import torch

from journey import Journey
from learners import LEARNERS

pytest_plugins = ["faults.table"]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """Even where tests are started in the background of a script: a shell has what it puts there ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve clips of two textures with their manifest."""
    from smalti.data.textures import textures

    folder = tmp_path_factory.mktemp("journey") / "sounds"
    textures(folder, clips=6, seconds=0.8, kinds=["pistons", "rain"], sample_rate=22_050)
    return folder


@pytest.fixture(scope="session")
def journey(sounds: Path, _one_thread: None) -> Journey:
    """Sounds → codec → tokens → language models; and a vocoder."""
    from smalti.systems.training import train
    from smalti.systems.transcoding import encode

    names = (
        "codec",
        "tokens",
        "lm",
        "mel",
        "gpt",
        "masked",
        "vae",
        "rows",
        "vocoder",
        "wav2tok",
        "alm",
        "alm1",
        "alm2",
        "dac",
        "kmeans",
        "matpac",
        "plus",
    )
    made = Journey(sounds, *(sounds.parent / name for name in names))
    for name, (preset, overrides, data, run) in LEARNERS.items():
        train(preset, data=data(made), out=run(made), overrides=overrides, progress=False)
        if name == "melvqvae":  # whose tokens others learn from
            encode(made.codec, data=sounds, to=made.tokens, shifts=2)
    return made
