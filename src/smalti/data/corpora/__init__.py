"""Readers for what people already hold: each lists the recordings of one known layout, with labels and parameters.

A reader takes a folder (or the list file itself) and gives rows: `path` relative to the folder or absolute, and what
else is known. It opens no recording; `smalti.data.prepare` does, and reports each that is missing or broken.
"""

from collections.abc import Callable
from pathlib import Path

from smalti.data.corpora.esc50 import esc50
from smalti.data.corpora.fairseq import fairseq
from smalti.data.corpora.folders import folders
from smalti.data.corpora.fsd50k import fsd50k
from smalti.data.corpora.listed import listed
from smalti.data.corpora.rows import Row
from smalti.data.corpora.syntex import syntex, syntex_labels, syntex_notes
from smalti.data.corpora.vas import vas, vas_labels
from smalti.data.corpora.vggsound import vggsound, vggsound_labels
from smalti.data.corpora.wav2tok import wav2tok

CORPORA: dict[str, Callable[[Path], list[Row]]] = {
    "folders": folders,
    "manifest": listed,
    "esc50": esc50,
    "fsd50k": fsd50k,
    "vas": vas,
    "vggsound": vggsound,
    "syntex": syntex,
    "fairseq": fairseq,
    "wav2tok": wav2tok,
}

LABELS: dict[str, Callable[[Path], list[str]]] = {
    "syntex": syntex_labels,
    "vas": vas_labels,
    "vggsound": vggsound_labels,
}
"""Of corpora whose lists name their classes: all of them, so that a class keeps its number where clips are missing."""

NOTES: dict[str, Callable[[Path], list[str]]] = {"syntex": syntex_notes}
"""Of corpora whose lists may be odd without being wrong: what was taken as meant, a sentence each."""

__all__ = ["CORPORA", "LABELS", "NOTES", "Row"]
