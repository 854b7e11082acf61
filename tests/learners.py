"""Everything that learns, in its smallest form: for the exam of `contract` and the proofs of `faults`."""

from collections.abc import Callable
from operator import attrgetter
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

_SOUNDS, _TOKENS = attrgetter("sounds"), attrgetter("tokens")

LEARNERS: dict[str, tuple[str, tuple[str, ...], Callable[[Journey], Path], Callable[[Journey], Path]]] = {
    "melvqvae": ("melvqvae/textures", TINY_CODEC, _SOUNDS, attrgetter("codec")),
    "melvqvae grid": ("melvqvae/tiny", TINY_GRID_CODEC, _SOUNDS, attrgetter("grid_codec")),
    "synthformer": ("synthformer/tiny", TINY_LM, _TOKENS, attrgetter("lm")),
    "melformer": ("melformer/tiny", TINY_FRAMES, _SOUNDS, attrgetter("frames")),
    "melgpt": ("melgpt/tiny", TINY_LM, _TOKENS, attrgetter("gpt")),
    "melgpt masked": ("melgpt/masked", TINY_MASKED, _TOKENS, attrgetter("masked")),
    "melgpt vae": ("melgpt/vae", TINY_VAE, _TOKENS, attrgetter("vae")),
    "vocoder": ("vocoder/tiny", TINY_VOCODER, _SOUNDS, attrgetter("vocoder")),
    "wav2tok": ("wav2tok/digits", TINY_WAV2TOK, _SOUNDS, attrgetter("wav2tok")),
    "kmeans": ("kmeans", TINY_KMEANS, _SOUNDS, attrgetter("kmeans")),
    "almtokenizer": ("almtokenizer/tiny", TINY_ALM, _SOUNDS, attrgetter("alm")),
    "almtokenizer stage 1": ("almtokenizer/stage1", TINY_ALM_STAGE1, _SOUNDS, attrgetter("alm_stage1")),
    "almtokenizer stage 2": ("almtokenizer/stage2", TINY_ALM_STAGE2, _SOUNDS, attrgetter("alm_stage2")),
    "dac": ("dac/tiny", TINY_DAC, _SOUNDS, attrgetter("dac")),
    "matpac": ("matpac/micro", TINY_MATPAC, _SOUNDS, attrgetter("matpac")),
    "matpac plus": ("matpac/micro", TINY_MATPAC_PLUS, _SOUNDS, attrgetter("matpac_plus")),
}
