"""What many tests stand on: one thread, and the smallest journey, made once by the same functions that users call."""

from pathlib import Path

import pytest
import torch

from journey import (
    TINY_ALM,
    TINY_ALM_STAGE1,
    TINY_ALM_STAGE2,
    TINY_CODEC,
    TINY_DAC,
    TINY_FRAMES,
    TINY_GRID_CODEC,
    TINY_KMEANS,
    TINY_LM,
    TINY_MASKED,
    TINY_MATPAC,
    TINY_MATPAC_PLUS,
    TINY_VAE,
    TINY_VOCODER,
    TINY_WAV2TOK,
    Journey,
)

pytest_plugins = ["faults.table"]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


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
    train("melvqvae/textures", data=sounds, out=made.codec, overrides=TINY_CODEC, progress=False)
    encode(made.codec, data=sounds, to=made.tokens, shifts=2)
    train("synthformer/tiny", data=made.tokens, out=made.lm, overrides=TINY_LM, progress=False)
    train("melformer/tiny", data=sounds, out=made.frames, overrides=TINY_FRAMES, progress=False)
    train("melgpt/tiny", data=made.tokens, out=made.gpt, overrides=TINY_LM, progress=False)
    train("melgpt/masked", data=made.tokens, out=made.masked, overrides=TINY_MASKED, progress=False)
    train("melgpt/vae", data=made.tokens, out=made.vae, overrides=TINY_VAE, progress=False)
    train("melvqvae/tiny", data=sounds, out=made.grid_codec, overrides=TINY_GRID_CODEC, progress=False)
    train("vocoder/tiny", data=sounds, out=made.vocoder, overrides=TINY_VOCODER, progress=False)
    train("wav2tok/digits", data=sounds, out=made.wav2tok, overrides=TINY_WAV2TOK, progress=False)
    train("almtokenizer/tiny", data=sounds, out=made.alm, overrides=TINY_ALM, progress=False)
    train("almtokenizer/stage1", data=sounds, out=made.alm_stage1, overrides=TINY_ALM_STAGE1, progress=False)
    train("almtokenizer/stage2", data=sounds, out=made.alm_stage2, overrides=TINY_ALM_STAGE2, progress=False)
    train("dac/tiny", data=sounds, out=made.dac, overrides=TINY_DAC, progress=False)
    train("kmeans", data=sounds, out=made.kmeans, overrides=TINY_KMEANS, progress=False)
    train("matpac/micro", data=sounds, out=made.matpac, overrides=TINY_MATPAC, progress=False)
    train("matpac/micro", data=sounds, out=made.matpac_plus, overrides=TINY_MATPAC_PLUS, progress=False)
    return made
