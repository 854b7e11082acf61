"""What a long piece of work has made so far: parts beside the file they will become, each whole or not there.

    TARGET.parts/part-00000/about.json     what it is of, under which conditions, and what its maker notes
                           /…              its files
                           /SHA256SUMS     written last

So work that is interrupted at any moment goes on with the same command; a damaged part is made again, alone. What was
begun with other settings is refused, never mixed. When the target is whole, the folder is gone.
"""

import json
import logging
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from smalti.core import DataError, StoreError
from smalti.store.atomic import clean_temps, replace_folder
from smalti.store.checksums import damaged, write_sums
from smalti.store.lock import lock
from smalti.store.texts import read_json

_log = logging.getLogger(__name__)
_SUFFIX, _ABOUT = ".parts", "about.json"
_KEYS = {"of", "under", "key", "notes"}
_SHOWN = 12  # letters of a value that differs

Notes = dict[str, Any]


class Parts:
    """The parts of one target, held for this process.

    Attributes:
        folder: where they lie.
    """

    def __init__(self, folder: Path, of: Mapping[str, str], under: Mapping[str, str]) -> None:
        """Take what is there and whole; arguments and errors as of `unfinished`."""
        self.folder, self._of, self._under = folder, dict(of), dict(under)
        others = [path.name for path in sorted(folder.glob("[!.]*")) if not path.match("part-*")]
        if others:
            raise StoreError(f"{folder} holds something else than parts ({others[0]}); move it, or choose another file")
        places = sorted(folder.glob("part-*"))
        self._whole = {path: about for path in places if (about := _about(path)) is not None}
        for about in self._whole.values():
            if other := _differing(about["of"], self._of):
                said = f"{folder} was begun with something else ({', '.join(other)})"
                raise StoreError(f"{said}; give the same again, or remove that folder to begin anew")
        changed = dict.fromkeys(one for about in self._whole.values() for one in _differing(about["under"], under))
        if changed:
            said = "going on in %s under other conditions (%s); what is new may differ in the last bits"
            _log.warning(said, folder, ", ".join(changed))

    def take(self, number: int, key: str, make: Callable[[Path], Notes]) -> tuple[Path, Notes, bool]:
        """A part: as it is, if it is whole and has this key, else made now.

        Args:
            number: of it.
            key: what it has to be of, within what all parts are of.
            make: given an empty folder, fills it and returns what to note, as JSON can hold it.
        Returns:
            Its folder, its notes, and whether it was there already.
        Raises:
            StoreError: if there is no space left.
        """
        place = self.folder / f"part-{number:05d}"
        about = self._whole.get(place)
        if about is not None and about["key"] == key:
            return place, about["notes"], True
        with replace_folder(place) as temp:
            notes = make(temp)
            about = {"of": self._of, "under": self._under, "key": key, "notes": notes}
            with (temp / _ABOUT).open("w", encoding="utf-8") as file:
                file.write(json.dumps(about, sort_keys=True))
            write_sums(temp)
        return place, notes, False

    def clear(self) -> None:
        """Delete all parts: their target is whole, or will never be."""
        for place in self.folder.glob("part-*"):
            shutil.rmtree(place, ignore_errors=True)


@contextmanager
def unfinished(
    target: Path, of: Mapping[str, str], *, under: Mapping[str, str] | None = None
) -> Generator[Parts, None, None]:
    """Hold the parts of a file for this process; a folder that has none at the end is deleted.

    Args:
        target: the file.
        of: what decides its content, by names for people; parts of anything else are refused.
        under: what may change its last bits; parts under other conditions are taken, with a warning.
    Raises:
        StoreError: if there are parts of something else (names what differs), the folder holds anything else, another
            process holds it, or there is no space left.
    """
    folder = parts_of(target)
    try:
        with lock(folder):
            clean_temps(folder)
            clean_temps(folder.parent)
            yield Parts(folder, of, under or {})
    finally:
        with suppress(OSError):  # it holds parts
            folder.rmdir()


def parts_of(target: Path) -> Path:
    """The folder of a file's parts."""
    return target.with_name(target.name + _SUFFIX)


def is_unfinished(folder: Path) -> bool:
    """Whether a folder holds parts of a file."""
    return folder.name.endswith(_SUFFIX) and folder.is_dir() and any(folder.glob("part-*"))


def verify_parts(folder: Path) -> list[str]:
    """What is wrong with parts: that they are unfinished, and which of them are damaged."""
    places = sorted(folder.glob("part-*"))
    problems = {place: damaged(place) for place in places}
    whole = sum(not said for said in problems.values())
    said = f"{folder} is unfinished, with {whole} whole parts; run the same command again, or remove that folder"
    return [said, *(f"{place}: {one}" for place, found in problems.items() for one in found)]


def _about(place: Path) -> Notes | None:
    """What a part says of itself; None if it is damaged."""
    if damaged(place):
        return None
    with suppress(ValueError, DataError):
        about: object = read_json(place / _ABOUT)
        if isinstance(about, dict) and about.keys() == _KEYS:
            return cast(Notes, about)
    return None


def _differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    keys = sorted(before.keys() | now.keys())
    pairs = {key: (before.get(key, "nothing"), now.get(key, "nothing")) for key in keys}
    return [f"{key} {one[:_SHOWN]} → {other[:_SHOWN]}" for key, (one, other) in pairs.items() if one != other]
