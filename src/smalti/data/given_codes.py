"""Codes that were made elsewhere, `.dac` files, in place of the sound that they stand for.

A `.dac` file does not say which model its codes are of. What it does say is held against the tokenizer that it is
given to: how many codes there are to choose from, how many codebooks, and how many frames its seconds are.
"""

from pathlib import Path

from jaxtyping import Int64
from torch import Tensor

from smalti.audio import FileReport
from smalti.core import DataError, StoreError, TokenSpec
from smalti.store import DacFile, read_dac

_SUFFIX = ".dac"
_VOCAB = 1024  # of all published models


def holds_codes(path: str | Path) -> bool:
    """Whether a file is one of codes, by its name."""
    return Path(path).suffix.lower() == _SUFFIX


def inspect_codes(path: Path) -> FileReport:
    """Facts about a file of codes, in those of the sound that it stands for.

    Raises:
        DataError: if it cannot be read, holds several channels, or is in chunks, whose frames overlap in time.
    """
    found = _whole(path)
    return FileReport(
        path=path,
        seconds=found.seconds,
        sample_rate=found.sample_rate,
        channels=1,
        frames=found.original_length,
        format="DAC",
        flags=(),
    )


def read_codes(path: Path, spec: TokenSpec, *, samples: int) -> Int64[Tensor, "codebook frame"]:
    """The first codebooks of a file, as many as a tokenizer has.

    Args:
        path: of the file.
        spec: of the tokenizer whose codes they are to be.
        samples: of the sound that it stands for, at the tokenizer's rate.
    Raises:
        DataError: as `inspect_codes`, or if they cannot be this tokenizer's codes.
    """
    codes = _whole(path).codes[0]
    codebooks, frames = codes.shape
    if spec.vocab != _VOCAB:
        raise DataError(f"{path}: holds codes 0…{_VOCAB - 1}, this tokenizer knows {spec.vocab}; give it a DAC")
    if codebooks < spec.codebooks:
        raise DataError(
            f"{path}: holds {codebooks} codebooks, wanted {spec.codebooks}; ask for fewer (codebooks={codebooks})"
        )
    if frames != spec.frames(samples):
        raise DataError(
            f"{path}: holds {frames} frames for {samples / spec.sample_rate:.3f} s, of which this tokenizer makes "
            f"{spec.frames(samples)}; they are another model's"
        )
    return codes[: spec.codebooks]


def _whole(path: Path) -> DacFile:
    try:
        found = read_dac(path)
    except StoreError as error:
        raise DataError(f"{path}: {str(error).removeprefix(f'{path} ')}") from None
    if found.channels > 1:
        raise DataError(f"{path}: holds {found.channels} channels, wanted one; encode the sound as one")
    if found.chunks > 1 or not found.padding:
        raise DataError(
            f"{path}: holds {found.chunks} chunks that overlap in time, so a frame's number is not its time; "
            "encode the sound itself, or each clip in one chunk"
        )
    return found
