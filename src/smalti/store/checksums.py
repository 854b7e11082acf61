"""SHA256SUMS: the last file written into a folder, and the first one read."""

import hashlib
from pathlib import Path

SUMS = "SHA256SUMS"


def sha256(path: Path) -> str:
    """SHA-256 of a file, as hex, read block by block."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS over every other file of a folder, in the format of `sha256sum`."""
    (folder / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in _digests(folder).items()), "utf-8")


def damaged(folder: Path) -> list[str]:
    """What is wrong with a folder that has SHA256SUMS; an empty list if nothing is."""
    try:
        said = (folder / SUMS).read_bytes()
        found = _digests(folder)
    except OSError as error:
        return [f"{SUMS} cannot be read: {error.strerror}"]
    lines = (line.partition("  ") for line in said.decode(errors="replace").splitlines())
    wanted = {name: digest for digest, _, name in lines}
    problems = [f"{name} is missing" for name in wanted if name not in found]
    problems += [f"{name} is not listed in {SUMS}" for name in found if name not in wanted]
    problems += [f"{n}: SHA-256 differs" for n, digest in found.items() if n in wanted and wanted[n] != digest]
    exact = "".join(f"{digest}  {name}\n" for name, digest in found.items()).encode()
    return problems or ([] if said == exact else [f"{SUMS} is not as it was written"])


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SUMS)
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}
