"""The reliability contract: what each row promises, and how a test says what it measured.

A row is a function `prove_…` that raises AssertionError where the promise is broken. Its test is marked
`pytest.mark.row("L1")`; `faults.table` makes one table of all rows. A `Plant` names a guard of the product and how to
switch it off, and `test_planted.py` sees the proof of its row fail there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest


@dataclass(frozen=True, slots=True)
class Row:
    """A promise.

    Attributes:
        tested: what is done to the product.
        target: what must come of it.
    """

    tested: str
    target: str


ROWS = {
    "L1": Row(
        "Open and shuffle a manifest of 1,000,000 clips; look up 10,000 of them at random",
        "open ≤ 10 s, memory +100 MB at most, look-ups ≤ 2 s",
    ),
    "L2": Row(
        "Encode, decode and evaluate a file of 10 minutes and one of 60, at 44.1 kHz",
        "≤ 300 MB over the loaded model, the two within 10 %; tokens of the common beginning equal; written as it goes",
    ),
    "L3": Row(
        "Tokenise 10,000 clips in one run",
        "≤ 64 open files; ≤ 50 MB more from clip 2,000 on; the last 1,000 take ≤ 1.2 × the first 1,000",
    ),
    "F1": Row(
        "Kill the training of every system at 20 random moments and resume it", "the same bytes as unbroken, 20 of 20"
    ),
    "F2": Row("200 kills within the write of a checkpoint", "latest loads 200 of 200; no temp file is left"),
    "F3": Row(
        "Tokenise 500 clips, embed recordings, each killed 20 times and resumed",
        "bytes of the store, and of the table, equal those of an unbroken run: nothing lost, nothing twice",
    ),
    "F4": Row(
        "Two processes want one run, one store or one index; the lock of a dead process",
        "the second is refused in ≤ 2 s, naming the first; a stale lock is taken over; no file is damaged",
    ),
    "F5": Row(
        "The disk is full at the N-th write, for every N, while saving, tokenising, embedding and exporting",
        "exit code ≠ 0; says no space left, the path and the bytes; the last checkpoint loads; no part of a file stays",
    ),
    "F6": Row(
        "200 flipped bytes, 20 cuts, an empty file and another kind of file in a checkpoint",
        "all noticed before use; the last good checkpoint is taken, and said to be",
    ),
    "F7": Row(
        "200 flipped bytes, a missing shard and an extra one in a token store",
        "all noticed; the shard is named, the others can be read; verify exits 1; only the bad shard is made again",
    ),
    "F8": Row(
        "A corpus of which 5 % of the clips are cut or no sound",
        "completes; each bad clip is listed once with a reason; good + bad = all; above --max-bad it exits with 1",
    ),
    "F9": Row(
        "A loss that is NaN or infinite; NaN in a clip",
        "noticed within a step, the clips named, the update left out; ends after 3 in a row; no checkpoint has any",
    ),
    "F10": Row(
        "SIGTERM and Ctrl-C while training, tokenising and embedding",
        "a checkpoint, then exit 143 or 130 within 10 s; resumes to the same bytes; a second Ctrl-C ends at once",
    ),
    "F11": Row(
        "Less memory than is needed; a reader of clips is killed",
        "no hang over 30 s, no bare traceback; names batch, clip length and a smaller value that works",
    ),
    "F12": Row(
        "Resume with another config, data set, number of threads or version of the code",
        "what changes the result is refused with the keys that differ; what does not is one line of warning",
    ),
    "B1": Row(
        "Every file of the malformed set, each in its own process of 2 GiB and 10 s",
        "all as expected; no crash, hang or bare traceback; ≤ 1 GiB; errors name the file and the reason",
    ),
    "B2": Row("10,000 mutations of small files in 9 formats", "only smalti's own errors; no hang over 10 s"),
    "B3": Row(
        "8 to 192 kHz, 1 to 16 channels, stereo in anti-phase",
        "resampled and mixed as documented; frames = ceil(duration × rate); the decoded length is exact",
    ),
    "B4": Row(
        "Empty, one sample, shorter than a token, silent, DC, NaN, infinite, 1e30",
        "finite tokens and sound, or a refusal that says why; silence stays below −60 dBFS",
    ),
    "B5": Row(
        "30 misspelt keys, 10 wrong types, 10 values out of range, a key twice, a tab, an empty file",
        "all problems in one message with their lines; the right suggestion for ≥ 27 of 30",
    ),
    "B6": Row(
        "Unknown labels and parameters; codes out of range, of wrong depth or kind; tokens of another tokenizer",
        "refused before any model runs, naming place, value and range, or both fingerprints; never clamped",
    ),
    "S1": Row(
        "Hostile files of every format, given to every command", "no payload runs; the source has no door for one"
    ),
    "S2": Row("Bombs: claims of gigabytes in small files", "refused in ≤ 1 s with ≤ 200 MB"),
    "S3": Row("Hostile members of archives and paths in manifests", "nothing is read or written outside the root"),
    "D1": Row(
        "The same seed twice in fresh processes, every system; 0, 1 and 2 readers of clips",
        "weights, tokens, sounds and reports equal, byte for byte",
    ),
    "D2": Row(
        "100 clips of mixed length, alone and in padded batches of 2, 8 and 32, in any order",
        "latents ≤ 1e-4 apart; every token equal, but for ties within 1e-5, which are counted",
    ),
    "D3": Row(
        "Streaming in blocks of 1 frame, 7 frames, 1 s and all; generation with and without its cache",
        "≤ 1e-5 apart (relative); tokens equal; decoded sound ≤ 1e-4 apart",
    ),
}

_figures: list[str] = []
"""What the test that runs now has measured."""


def figure(row: str, measured: str) -> None:
    """Say what a row's proof measured, briefly and with units, such as "0.9 s, +8 MB, 0.23 s"."""
    assert row in ROWS, f"there is no row {row}"
    _figures.append(measured)


def taken() -> list[str]:
    """The figures since the last call."""
    found = [*_figures]
    _figures.clear()
    return found


@dataclass(frozen=True, slots=True)
class Plant:
    """A planted fault: with this guard off, that proof must fail.

    Attributes:
        row: whose proof it is.
        guard: what is switched off, in words.
        off: switches it off until the test is over.
        prove: the row's proof in a small size, given an empty folder, or the smallest journey.
        given: which of these.
        slow: whether it takes longer than a few seconds; then only `make faults` runs it.
    """

    row: str
    guard: str
    off: Callable[[pytest.MonkeyPatch], object]
    prove: Callable[[Any], object]
    given: Literal["folder", "journey"] = "folder"
    slow: bool = False
