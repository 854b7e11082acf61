"""Open Sound Control 1.0, read only: what control surfaces and music programs send in a packet of UDP.

A packet is a message (address, type tags, arguments) or a bundle of packets; all in pieces of four bytes, big-endian.
Whoever sends is not trusted: everything is bounded, and what is not understood is refused, never guessed.

Source: opensoundcontrol.stanford.edu/spec-1_0.html
"""

import struct
from dataclasses import dataclass

from smalti.core import DataError

Argument = int | float | str | bool
_MOST_BYTES, _MOST_MESSAGES, _MOST_ARGUMENTS, _DEEPEST = 8192, 64, 16, 4
_BUNDLE = b"#bundle\0"


@dataclass(frozen=True, slots=True)
class Message:
    """What is asked of an address."""

    address: str
    arguments: tuple[Argument, ...] = ()


def read_packet(packet: bytes) -> list[Message]:
    """The messages of a packet, those of bundles in their order; the time tags of bundles are not waited for.

    Understands the types i, f, d, s, T and F.

    Raises:
        DataError: if the packet is no OSC, too large, or holds something else.
    """
    if len(packet) > _MOST_BYTES:
        raise DataError(f"found a packet of {len(packet)} bytes, wanted {_MOST_BYTES} at most; send less at once")
    return _messages(packet, _DEEPEST)


def _messages(packet: bytes, depth: int) -> list[Message]:
    if not packet.startswith(_BUNDLE):
        return [_Reader(packet).message()]
    if not depth:
        raise DataError(f"found bundles inside each other more than {_DEEPEST} deep; send them flat")
    reader = _Reader(packet[16:] if len(packet) >= 16 else b"?")
    found: list[Message] = []
    while reader.left:
        found += _messages(reader.bytes(reader.whole()), depth - 1)
        if len(found) > _MOST_MESSAGES:
            raise DataError(f"found more than {_MOST_MESSAGES} messages in a bundle; send less at once")
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def bytes(self, count: int) -> bytes:
        if not 0 <= count <= self.left:
            raise DataError(f"found a packet that ends early, {self.left} bytes where {count} are promised")
        self._at += count
        return self._data[self._at - count : self._at]

    def whole(self) -> int:
        return int.from_bytes(self.bytes(4), "big", signed=True)

    def string(self) -> str:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise DataError("found a text without an end in a packet; every text ends in a zero byte")
        text = self.bytes(end - self._at)
        self.bytes(4 - len(text) % 4)
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"found a text in a packet that is no UTF-8: {error.reason}") from None

    def message(self) -> Message:
        address = self.string()
        if not address.startswith("/"):
            raise DataError(f"found {address[:40]!r} in a packet, wanted an address such as /set/NAME")
        tags = self.string() if self.left else ","
        if not tags.startswith(",") or len(tags) > 1 + _MOST_ARGUMENTS:
            raise DataError(f"found type tags {tags[:40]!r}, wanted a comma and {_MOST_ARGUMENTS} at most")
        return Message(address, tuple(self.argument(tag) for tag in tags[1:]))

    def argument(self, tag: str) -> Argument:
        match tag:
            case "i":
                return self.whole()
            case "f":
                return float(struct.unpack(">f", self.bytes(4))[0])
            case "d":
                return float(struct.unpack(">d", self.bytes(8))[0])
            case "s":
                return self.string()
            case "T" | "F":
                return tag == "T"
            case _:
                raise DataError(f"found an argument of type {tag!r}; send numbers or text (i, f, d, s)")
