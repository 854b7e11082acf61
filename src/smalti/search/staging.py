"""What has been heard but is not yet in the index: one folder a group of recordings, each whole or not there.

INDEX/staged/NAME/recordings.arrow, passages.arrow, posteriors.bytes, moments.bytes (maybe), spec.json, SHA256SUMS
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from smalti.core import TokenSpec
from smalti.search.contents import STAGED, IndexSettings
from smalti.search.entries import Heard
from smalti.search.passage_files import passage_files, read_passages
from smalti.search.passages import Passages
from smalti.store import replace_folder
from smalti.store.checksums import damaged, write_sums

_SPEC = "spec.json"


def stage(folder: Path, spec: TokenSpec, settings: IndexSettings, heard: Sequence[Heard]) -> None:
    """Keep a group of recordings for when all are heard.

    Raises:
        StoreError: if there is no space left.
    """
    passages = Passages.of(heard, vocab=spec.vocab, window=settings.window, hop=settings.hop)
    files = {**passage_files(passages), _SPEC: _key(spec, settings)}
    number = len(list((folder / STAGED).glob("[!.]*")))
    name = f"{number:06d}-{hashlib.sha256(b''.join(files.values())).hexdigest()[:12]}"
    with replace_folder(folder / STAGED / name) as temp:
        for file, data in files.items():
            (temp / file).write_bytes(data)
        write_sums(temp)


def read_staged(folder: Path, spec: TokenSpec, settings: IndexSettings) -> list[Passages]:
    """Groups in the order they were heard; what is damaged, or of another tokenizer or cut, is deleted."""
    found: list[Passages] = []
    for place in sorted((folder / STAGED).glob("[!.]*")):
        if damaged(place) or (place / _SPEC).read_bytes() != _key(spec, settings):
            shutil.rmtree(place, ignore_errors=True)
        else:
            found.append(read_passages(place))
    return found


def _key(spec: TokenSpec, settings: IndexSettings) -> bytes:
    return json.dumps([asdict(spec), asdict(settings)], sort_keys=True).encode()
