"""Tokens made up for the tests of search, and an index of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from smalti.core import Tokens, TokenSpec
from smalti.search import Entry, IndexReport, IndexSettings, Pairs, SoftTokens, add_to_index, pair_scores

SPEC = TokenSpec(sample_rate=1000, hop=20, codebooks=1, vocab=37, tokenizer="made-up")


def tokens(codes: list[int] | np.ndarray, spec: TokenSpec = SPEC, *, samples: int | None = None) -> Tokens:
    """One sound; every code stream holds the same."""
    row = torch.as_tensor(np.asarray(codes, np.int64))
    samples = len(row) * spec.hop if samples is None else samples
    return Tokens(row.expand(1, spec.codebooks, -1).clone(), spec, torch.tensor([samples]))


def melodies(count: int, *, seed: int = 0, tokens_each: int = 20, vocab: int = 37) -> list[np.ndarray]:
    """Random strings without repeats of neighbours, each token lasting 1 to 4 frames."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        steps = generator.integers(1, vocab, tokens_each)
        found.append(np.repeat(np.cumsum(steps) % vocab, generator.integers(1, 5, tokens_each)))
    return found


def indexed(folder: Path, sounds: dict[str, np.ndarray], **settings: object) -> IndexReport:
    """An index of sounds by name; the label is the first letter."""
    names = list(sounds)
    entries = [Entry(name, label=name[0], digest=str(hash(sounds[name].tobytes()))) for name in names]
    return add_to_index(
        folder,
        SPEC,
        entries,
        lambda rows: [tokens(sounds[names[row]]) for row in rows],
        settings=IndexSettings(**settings) if settings else None,
        group=3 if len(names) < 20 else 64,
    )


def believed(codes: list[int] | np.ndarray, *, seed: int = 0, doubt: float = 1.0, dim: int = 0) -> SoftTokens:
    """One sound whose likeliest codes are these; what else it might hold, and what it sounds like, is drawn."""
    row = np.asarray(codes, np.int64)
    logits = np.random.default_rng(seed).normal(size=(len(row), SPEC.vocab)) * doubt
    logits[np.arange(len(row)), row] = logits.max(axis=1, initial=0.0) + 1
    acoustics = np.random.default_rng(seed + 1).normal(size=(len(row), dim)).astype(np.float32) if dim else None
    return SoftTokens(tokens(row), logits - np.logaddexp.reduce(logits, axis=1, keepdims=True), acoustics)


def soft_indexed(folder: Path, sounds: dict[str, SoftTokens], **settings: object) -> IndexReport:
    """An index of what was heard, by name."""
    names = list(sounds)
    entries = [Entry(name, digest=str(hash(sounds[name].log_probabilities.tobytes()))) for name in names]
    return add_to_index(
        folder,
        SPEC,
        entries,
        lambda rows: [sounds[names[row]] for row in rows],
        settings=IndexSettings(**settings) if settings else None,
        group=3,
    )


def soft_scores(given: Sequence[np.ndarray], strings: Sequence[np.ndarray]) -> np.ndarray:
    """Of every recording's log-probabilities (frame, vocab) with every string, all at once: (recording, string)."""
    logs = np.concatenate([np.zeros(0), *(one.T.reshape(-1) for one in given)])
    begins = np.cumsum([0, *(one.size for one in given)])
    places = [
        begin + len(one) * np.asarray(string) for begin, one in zip(begins, given, strict=False) for string in strings
    ]
    pairs = Pairs(
        np.exp(logs),
        lambda: logs,
        np.concatenate([np.zeros(0, np.int64), *places]),
        np.tile(np.array([len(string) for string in strings], np.int64), len(given)),
        np.repeat(np.array([len(one) for one in given], np.int64), len(strings)),
    )
    return pair_scores(pairs).reshape(len(given), len(strings))
