"""Where results go: below one folder, whatever the names they come from."""

from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path, PurePath

from smalti.core import ParameterError


def wav_paths(folder: Path, sources: Sequence[str | Path]) -> list[Path]:
    """A .wav below `folder` for each source, keeping the sub-folders in which the sources differ.

    `x/dog/a.wav` and `x/cat/b.ogg` become `dog/a.wav` and `cat/b.ogg.wav`. Roots and `..` are dropped, so that no name
    read from a file can lead out of the folder.

    Raises:
        ParameterError: if two sources would become one file, where case does not count.
    """
    inside = [_inside(PurePath(source)) for source in sources]
    shared = sum(1 for _ in takewhile(lambda part: len(set(part)) == 1, zip(*(p[:-1] for p in inside), strict=False)))
    found = [folder.joinpath(*parts[shared:-1], _wav(parts[-1])) for parts in inside]
    times = Counter(str(path).casefold() for path in found)  # on many disks Rain.wav and rain.wav are one file
    twice = [path for path in found if times[str(path).casefold()] > 1]
    if twice:
        raise ParameterError(f"{twice[0].name} would be written twice; give names that differ, or write them apart")
    return found


def _inside(path: PurePath) -> tuple[str, ...]:
    parts = tuple(part for part in path.parts if part not in (path.anchor, ".."))
    return parts or ("unnamed",)


def _wav(name: str) -> str:
    return name if name.lower().endswith(".wav") else f"{name}.wav"
