"""index.json, the last file of a search index: what it holds, for which tokens, and the SHA-256 of every other file.

    INDEX/index.json                       what follows; written last
    INDEX/segments/NAME/recordings.arrow   some of the recordings
    INDEX/segments/NAME/passages.arrow     their token strings
    INDEX/segments/NAME/posteriors.bytes   what the tokenizer believed of every frame, if it says that and it is kept
    INDEX/segments/NAME/moments.bytes      what each recording sounds like at twelve moments, if it says that too
    INDEX/segments/NAME/terms/             the strings as a text index of n-grams
    INDEX/tokenizer/                       what is needed to hear a query
    INDEX/staged/                          heard, but not yet in the index: what a killed command leaves for the next

A segment never changes once it is there; new ones replace it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from smalti.core import ParameterError, StoreError, TokenSpec
from smalti.search.strings import require_codebook
from smalti.store import read_signed, sha256, signed_json, write_bytes

INDEX, SEGMENTS, STAGED, TOKENIZER = "index.json", "segments", "staged", "tokenizer"
_VERSION, _KIND = 1, "search"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """How sound is cut and named in an index; the same for all that it holds.

    Attributes:
        codebook: code stream that strings are made of, 0…Q-1.
        window: tokens of a passage; longer recordings become several.
        hop: tokens from the beginning of a passage to the next of the same recording.
        triples: whether there are words of three tokens beside those of two.
        soft: whether posteriors of recordings are kept, if the tokenizer has them, a byte a code and frame; and what
            they sound like. Without them only the posteriors of a query order its hits.
    """

    codebook: int = 0
    window: int = 64
    hop: int = 32
    triples: bool = False
    soft: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.hop <= self.window:
            raise ParameterError(f"window {self.window} and hop {self.hop} leave gaps; wanted 1 ≤ hop ≤ window")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of an index.

    Attributes:
        name: its folder below `segments/`.
        recordings, passages: how many it holds.
        files: SHA-256 of each of its files, by its place in the folder.
    """

    name: str
    recordings: int
    passages: int
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Contents:
    """What an index holds."""

    spec: TokenSpec
    settings: IndexSettings
    segments: tuple[Segment, ...]


def is_index(folder: Path) -> bool:
    """Whether a folder holds a search index, perhaps an unfinished one."""
    return (folder / SEGMENTS).is_dir() or (folder / STAGED).is_dir()


def save_contents(folder: Path, contents: Contents) -> None:
    """Write index.json atomically."""
    write_bytes(folder / INDEX, signed_json({"version": _VERSION, "kind": _KIND, **asdict(contents)}))


def load_contents(folder: Path) -> Contents:
    """Read index.json and check every byte of it.

    Raises:
        StoreError: if there is none (no index, or an unfinished one) or it is damaged.
    """
    path = folder / INDEX
    try:
        data = path.read_bytes()
    except OSError:
        began = is_index(folder)
        reason = (
            "is unfinished; run the same index command again"
            if began
            else "is no search index; make one with `smalti index`"
        )
        raise StoreError(f"{folder} {reason}") from None
    try:
        return _parse(data)
    except (ValueError, TypeError, KeyError):
        if not is_index(folder):
            raise StoreError(f"{path} is of another kind than a search index; name another folder") from None
        raise StoreError(f"{path} is damaged; remove the index and run the same index command again") from None


def damage_of(folder: Path, segment: Segment) -> list[str]:
    """What is wrong with a segment, file by file; an empty list if nothing is."""
    place = folder / SEGMENTS / segment.name
    found = files_of(place)
    problems = [f"{place / name} is missing" for name in sorted(segment.files) if name not in found]
    problems += [f"{place / name} does not belong to the index" for name in sorted(found) if name not in segment.files]
    there = [name for name in sorted(segment.files) if name in found]
    changed = [name for name in there if sha256(place / name) != segment.files[name]]
    return problems + [f"{place / name} is damaged: its SHA-256 differs" for name in changed]


def verify_index(folder: Path) -> list[str]:
    """Check every byte of an index but its tokenizer's; what is wrong, file by file, an empty list if nothing is."""
    try:
        contents = load_contents(folder)
    except StoreError as error:
        return [str(error)]
    known = {segment.name for segment in contents.segments}
    extra = sorted(path.name for path in (folder / SEGMENTS).glob("[!.]*") if path.name not in known)
    problems = [f"{folder / SEGMENTS / name} does not belong to the index" for name in extra]
    return problems + [said for segment in contents.segments for said in damage_of(folder, segment)]


def files_of(folder: Path) -> list[str]:
    """Every file of a segment by its place in it, but locks and the like."""
    inside = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in inside if not path.name.endswith(".lock"))


def _parse(data: bytes) -> Contents:
    fields = read_signed(data)
    if fields["version"] != _VERSION or fields["kind"] != _KIND:
        raise ValueError
    spec, settings = TokenSpec(**fields["spec"]), IndexSettings(**fields["settings"])
    require_codebook(spec.codebooks, spec.vocab, settings.codebook)
    return Contents(spec, settings, tuple(Segment(**one) for one in fields["segments"]))
