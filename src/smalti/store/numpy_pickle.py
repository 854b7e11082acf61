"""A pickle of strings, numbers, dicts and arrays, byte for byte as numpy 1 writes it (protocol 3), without pickling.

What was written once is recalled from a memo, as Python's own pickler does: that is what makes the bytes equal.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_MODULE = "numpy.core.multiarray"  # numpy 2 reads it too
_TUPLES = {1: b"\x85", 2: b"\x86", 3: b"\x87"}
_OBJECT = ("O8", "|", 63)  # kind, byte order, flags


def pickled(value: Mapping[str, Any]) -> bytes:
    """The pickle of an array that has no axes and holds this one dict.

    Args:
        value: of strings, bools, whole numbers, arrays of numbers and dicts of these.
    """
    writer = _Writer()
    writer.array((), _OBJECT, lambda: writer.list_of(value))
    return b"\x80\x03" + bytes(writer.written) + b"."


@dataclass(slots=True)
class _Writer:
    written: bytearray = field(default_factory=bytearray)
    memo: dict[str | bytes, int] = field(default_factory=dict[str | bytes, int])
    remembered: int = 0

    def value(self, value: Any) -> None:
        """Whatever a dict may hold."""
        if isinstance(value, Mapping):
            self.dict_of(value)
        elif isinstance(value, str):
            self.text(value)
        elif isinstance(value, bool):
            self.written += b"\x88" if value else b"\x89"
        elif isinstance(value, np.ndarray):
            kind = (value.dtype.str[1:], value.dtype.str[0], 0)
            self.array(value.shape, kind, lambda: self.octets(value.tobytes()))
        else:
            self.whole(value)

    def whole(self, number: int) -> None:
        """A whole number, in as few bytes as it takes."""
        if 0 <= number < 1 << 8:
            self.written += b"K" + struct.pack("<B", number)
        elif 0 <= number < 1 << 16:
            self.written += b"M" + struct.pack("<H", number)
        elif -(1 << 31) <= number < 1 << 31:
            self.written += b"J" + struct.pack("<i", number)
        else:
            octets = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
            self.written += b"\x8a" + struct.pack("<B", len(octets)) + octets

    def text(self, text: str) -> None:
        octets = text.encode()
        self._once(text, b"X" + struct.pack("<I", len(octets)) + octets)

    def octets(self, octets: bytes) -> None:
        """Bytes, as they are."""
        short = len(octets) < 1 << 8
        self.written += (b"C" + struct.pack("<B", len(octets))) if short else (b"B" + struct.pack("<I", len(octets)))
        self.written += octets
        self._remember()

    def dict_of(self, values: Mapping[str, Any]) -> None:
        self.written += b"}"
        self._remember()
        self.written += b"("
        for name, value in values.items():
            self.text(name)
            self.value(value)
        self.written += b"u"

    def list_of(self, value: Any) -> None:
        """A list of one."""
        self.written += b"]"
        self._remember()
        self.value(value)
        self.written += b"a"

    def array(self, shape: tuple[int, ...], kind: tuple[str, str, int], content: Callable[[], None]) -> None:
        """An empty array, then the state that fills it."""
        self._global(_MODULE, "_reconstruct")
        self._global("numpy", "ndarray")
        self._whole_tuple((0,))
        self._once(b"b", b"C\x01b")
        self._tuple(3)
        self._call()
        self.written += b"("
        self.whole(1)
        self._whole_tuple(shape)
        self._kind(*kind)
        self.written += b"\x89"
        content()
        self.written += b"t"
        self._remember()
        self.written += b"b"

    def _kind(self, code: str, order: str, flags: int) -> None:
        self._global("numpy", "dtype")
        self.text(code)
        self.written += b"\x89\x88"
        self._tuple(3)
        self._call()
        self.written += b"("
        self.whole(3)
        self.text(order)
        self.written += b"NNN"
        self.whole(-1)
        self.whole(-1)
        self.whole(flags)
        self.written += b"t"
        self._remember()
        self.written += b"b"

    def _whole_tuple(self, numbers: tuple[int, ...]) -> None:
        if not numbers:
            self.written += b")"
            return
        for number in numbers:
            self.whole(number)
        self._tuple(len(numbers))

    def _tuple(self, size: int) -> None:
        self.written += _TUPLES[size]
        self._remember()

    def _call(self) -> None:
        self.written += b"R"
        self._remember()

    def _global(self, module: str, name: str) -> None:
        self._once(f"{module} {name}", f"c{module}\n{name}\n".encode())

    def _once(self, name: str | bytes, written: bytes) -> None:
        """Something in full the first time, from the memo later on."""
        if name in self.memo:
            self.written += b"h" + struct.pack("<B", self.memo[name])
        else:
            self.memo[name] = self.remembered
            self.written += written
            self._remember()

    def _remember(self) -> None:
        self.written += b"q" + struct.pack("<B", self.remembered)
        self.remembered += 1
