"""The token file: one clip's codes, packed, with a checksum over every byte. It cannot hold code.

    magic      8 bytes, 89 53 4D 54 0D 0A 1A 0A
    header     u32 length, JSON {version, sample_rate, hop, codebooks, vocab, tokenizer}, u32 CRC-32 of both
    blocks     1024 frames each (the last one fewer): packed codes, u32 CRC-32 of (u32 block number, codes)
    end        u64 samples of audio, u32 CRC-32 of (u32 blocks, samples)

All numbers are little-endian. Sizes follow from header and end alone, so a cut or lengthened file is noticed on
opening, and nothing is ever allocated by what a header claims: its claim has to equal the size of the file.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

import torch
from jaxtyping import Int64
from torch import Tensor

from smalti.core import ParameterError, SpecError, StoreError, Tokens, TokenSpec
from smalti.store.atomic import replace_file
from smalti.store.packing import pack, packed_bytes, unpack

MAGIC = b"\x89SMT\r\n\x1a\n"
_VERSION = 1
_BLOCK = 1024  # frames
_MOST_HEADER = 1 << 16
_MOST_CODEBOOKS = 1024
_MOST_VOCAB = 1 << 31
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
_END = _U64.size + _U32.size


def write_smt(path: Path, tokens: Tokens) -> None:
    """Write one clip's tokens to a file, atomically.

    Raises:
        ParameterError: if there is not exactly one clip.
        StoreError: if there is no space left.
    """
    if tokens.codes.shape[0] != 1:
        raise ParameterError(f"found {tokens.codes.shape[0]} clips, a .smt file holds one; use a token store for more")
    (clip,) = tokens.items()
    with SmtWriter(path, clip.spec) as writer:
        writer.append(clip.codes[0])
        writer.finish(samples=int(clip.lengths[0]))


def read_smt(path: Path) -> Tokens:
    """Read one clip's tokens, checking every byte.

    Raises:
        StoreError: if the file is missing, cut, changed, or no token file.
    """
    with SmtReader(path) as reader:
        empty = torch.zeros(reader.spec.codebooks, 0, dtype=torch.int64)
        codes = torch.cat([empty, *reader.blocks()], dim=1)
        return Tokens(codes[None], reader.spec, torch.tensor([reader.samples]))


class SmtWriter:
    """Writes a token file block by block in flat memory; the file appears when the `with` block ends in good order.

    with SmtWriter(path, spec) as writer:
        for block in blocks:
            writer.append(block)
        writer.finish(samples=n)
    """

    def __init__(self, path: Path, spec: TokenSpec) -> None:
        if spec.codebooks > _MOST_CODEBOOKS or spec.vocab > _MOST_VOCAB:
            most = f"{_MOST_CODEBOOKS} codebooks of {_MOST_VOCAB}"
            raise SpecError(f"{spec.codebooks} codebooks of {spec.vocab} are more than a .smt file holds, {most}")
        self.path, self.spec = path, spec
        self._waiting = torch.zeros(spec.codebooks, 0, dtype=torch.int64)
        self._blocks = self._frames = 0
        self._finished = False

    def __enter__(self) -> "SmtWriter":
        header = json.dumps({"version": _VERSION, **asdict(self.spec)}).encode()
        head = _U32.pack(len(header)) + header
        with ExitStack() as stack:
            temp = stack.enter_context(replace_file(self.path))
            self._file = stack.enter_context(temp.open("wb"))
            self._file.write(MAGIC + head + _crc(head))
            self._open = stack.pop_all()
        return self

    def append(self, codes: Int64[Tensor, "codebook frame"]) -> None:
        """Add frames, any number.

        Raises:
            SpecError, ParameterError: if they do not fit the spec; names the place.
        """
        # Tokens checks shape and range, and names the place.
        Tokens(codes[None], self.spec, torch.zeros(1, dtype=torch.int64))
        self._frames += codes.shape[1]
        self._waiting = torch.cat([self._waiting, codes.cpu()], dim=1)
        while self._waiting.shape[1] >= _BLOCK:
            self._write(self._waiting[:, :_BLOCK])
            self._waiting = self._waiting[:, _BLOCK:].clone()

    def finish(self, *, samples: int) -> None:
        """Say how many samples of audio the frames stand for.

        Raises:
            ParameterError: if so many samples have another number of frames.
        """
        if samples < 0 or self.spec.frames(samples) != self._frames:
            wanted = self.spec.frames(max(samples, 0))
            raise ParameterError(
                f"found {self._frames} frames, {samples} samples have {wanted}; append all, then finish"
            )
        if self._waiting.shape[1]:
            self._write(self._waiting)
        end = _U64.pack(samples)
        self._file.write(end + _crc(_U32.pack(self._blocks) + end))
        self._file.close()
        self._finished = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if error is None and not self._finished:
            error = StoreError(f"{self.path} was not finished; call finish(samples=…) after the last block")
            self._open.__exit__(type(error), error, None)
            raise error
        return self._open.__exit__(kind, error, trace)

    def _write(self, codes: Int64[Tensor, "codebook frame"]) -> None:
        data = pack(codes, self.spec.vocab)
        self._file.write(data + _crc(_U32.pack(self._blocks) + data))
        self._blocks += 1


class SmtReader:
    """Reads a token file block by block in flat memory.

    Attributes:
        spec: what made the tokens.
        samples: of audio they stand for.

    Raises:
        StoreError: if the file is missing, cut, changed, or no token file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}; name a .smt file") from None
        try:
            self.spec, self._start = self._header()
            self.samples = self._end()
        except BaseException:
            self._file.close()
            raise

    @property
    def frames(self) -> int:
        """Token frames of the clip."""
        return self.spec.frames(self.samples)

    def __enter__(self) -> "SmtReader":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def blocks(self) -> Iterator[Int64[Tensor, "codebook frame"]]:
        """All codes in order, 1024 frames at a time (the last fewer), each block checked before it is given.

        Raises:
            StoreError: if a block is damaged; says which.
        """
        self._file.seek(self._start)
        for block, first in enumerate(range(0, self.frames, _BLOCK)):
            frames = min(_BLOCK, self.frames - first)
            data = self._file.read(packed_bytes(frames * self.spec.codebooks, self.spec.vocab))
            if self._file.read(_U32.size) != _crc(_U32.pack(block) + data):
                raise self._damaged(f"block {block} (frames {first}…{first + frames - 1}) has another CRC-32")
            codes = unpack(data, codebooks=self.spec.codebooks, frames=frames, vocab=self.spec.vocab)
            if int(codes.max()) >= self.spec.vocab:
                raise self._damaged(f"code {int(codes.max())} is outside 0…{self.spec.vocab - 1}")
            yield codes

    def _header(self) -> tuple[TokenSpec, int]:
        if self._file.read(len(MAGIC)) != MAGIC:
            raise StoreError(f"{self.path} is no token file; name a .smt file that smalti wrote")
        size = self._file.read(_U32.size)
        length = _U32.unpack(size)[0] if len(size) == _U32.size else 0
        if not 0 < length <= _MOST_HEADER:
            raise self._damaged(f"its header claims {length} bytes")
        text = self._file.read(length)
        if self._file.read(_U32.size) != _crc(size + text):
            raise self._damaged("its header has another CRC-32")
        try:
            fields = json.loads(text)
            version = fields.pop("version")
            spec = TokenSpec(**fields)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            raise self._damaged("its header is no token spec") from None
        if version != _VERSION:
            raise StoreError(f"{self.path} has version {version}, this smalti reads {_VERSION}; update smalti")
        self._refuse_impossible(spec)
        return spec, self._file.tell()

    def _refuse_impossible(self, spec: TokenSpec) -> None:
        numbers = (spec.sample_rate, spec.hop, spec.codebooks, spec.vocab)
        most = (1 << 31, 1 << 31, _MOST_CODEBOOKS, _MOST_VOCAB)
        good = all(type(n) is int and 1 <= n <= limit for n, limit in zip(numbers, most, strict=True))
        if not (good and type(spec.tokenizer) is str):
            raise self._damaged("its header is no possible token spec")

    def _end(self) -> int:
        size = self._file.seek(0, 2)
        if size < self._start + _END:
            raise self._damaged("it is cut")
        self._file.seek(size - _END)
        end, crc = self._file.read(_U64.size), self._file.read(_U32.size)
        (samples,) = _U64.unpack(end)
        frames = self.spec.frames(samples)
        blocks = -(-frames // _BLOCK)
        if crc != _crc(_U32.pack(blocks & 0xFFFFFFFF) + end):
            raise self._damaged("its end is cut or changed")
        whole, rest = divmod(frames, _BLOCK)
        codes = whole * packed_bytes(_BLOCK * self.spec.codebooks, self.spec.vocab)
        codes += packed_bytes(rest * self.spec.codebooks, self.spec.vocab)
        if size != self._start + codes + blocks * _U32.size + _END:
            raise self._damaged(f"{samples} samples do not take {size} bytes")
        return samples

    def _damaged(self, reason: str) -> StoreError:
        return StoreError(f"{self.path} is damaged: {reason}; encode the audio again")


def _crc(data: bytes) -> bytes:
    return _U32.pack(zlib.crc32(data))
