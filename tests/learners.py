"""Everything that learns, in its smallest form: for the exam of `contract` and the proofs of `faults`."""

from collections.abc import Callable
from pathlib import Path

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

LEARNERS: dict[str, tuple[str, tuple[str, ...], Callable[[Journey], Path], Callable[[Journey], Path]]] = {
    "melvqvae": ("melvqvae/textures", TINY_CODEC, lambda journey: journey.sounds, lambda journey: journey.codec),
    "melvqvae grid": (
        "melvqvae/tiny",
        TINY_GRID_CODEC,
        lambda journey: journey.sounds,
        lambda journey: journey.grid_codec,
    ),
    "synthformer": ("synthformer/tiny", TINY_LM, lambda journey: journey.tokens, lambda journey: journey.lm),
    "melformer": (
        "melformer/tiny",
        TINY_FRAMES,
        lambda journey: journey.sounds,
        lambda journey: journey.frames,
    ),
    "melgpt": ("melgpt/tiny", TINY_LM, lambda journey: journey.tokens, lambda journey: journey.gpt),
    "melgpt masked": ("melgpt/masked", TINY_MASKED, lambda journey: journey.tokens, lambda journey: journey.masked),
    "melgpt vae": ("melgpt/vae", TINY_VAE, lambda journey: journey.tokens, lambda journey: journey.vae),
    "vocoder": ("vocoder/tiny", TINY_VOCODER, lambda journey: journey.sounds, lambda journey: journey.vocoder),
    "wav2tok": ("wav2tok/digits", TINY_WAV2TOK, lambda journey: journey.sounds, lambda journey: journey.wav2tok),
    "kmeans": ("kmeans", TINY_KMEANS, lambda journey: journey.sounds, lambda journey: journey.kmeans),
    "almtokenizer": ("almtokenizer/tiny", TINY_ALM, lambda journey: journey.sounds, lambda journey: journey.alm),
    "almtokenizer stage 1": (
        "almtokenizer/stage1",
        TINY_ALM_STAGE1,
        lambda journey: journey.sounds,
        lambda journey: journey.alm_stage1,
    ),
    "almtokenizer stage 2": (
        "almtokenizer/stage2",
        TINY_ALM_STAGE2,
        lambda journey: journey.sounds,
        lambda journey: journey.alm_stage2,
    ),
    "dac": ("dac/tiny", TINY_DAC, lambda journey: journey.sounds, lambda journey: journey.dac),
    "matpac": ("matpac/micro", TINY_MATPAC, lambda journey: journey.sounds, lambda journey: journey.matpac),
    "matpac plus": (
        "matpac/micro",
        TINY_MATPAC_PLUS,
        lambda journey: journey.sounds,
        lambda journey: journey.matpac_plus,
    ),
}
