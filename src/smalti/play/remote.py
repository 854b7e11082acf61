"""Knobs turned from outside: what messages ask for, and the port at which they come."""

import logging
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Event, Thread

from smalti.core import ParameterError, SmaltiError, nearest
from smalti.generate import Knobs
from smalti.play.osc import Argument, Message, read_packet

ADDRESSES = ("/set/NAME", "/label", "/temperature", "/guidance", "/quit")
_LOOPBACK = "127.0.0.1"
_POLL = 0.1  # seconds
_QUIET = 0.5  # seconds between two lines about refusals
_log = logging.getLogger(__name__)


class Controls:
    """Does to knobs what messages ask; what cannot be is refused by name, and the sound goes on.

    Attributes:
        refused: how often that was.
    """

    def __init__(self, knobs: Knobs, stop: Callable[[], None]) -> None:
        self.refused = 0
        self._knobs, self._stop = knobs, stop
        self._told = -_QUIET

    def obey(self, message: Message) -> None:
        """Turn a knob, choose a label, or end the sound."""
        self._careful(lambda: self._obey(message))

    def obey_packet(self, packet: bytes) -> None:
        """Obey what a packet of OSC asks for."""
        self._careful(lambda: [self._obey(message) for message in read_packet(packet)])

    def _careful(self, action: Callable[[], object]) -> None:
        try:
            action()
        except SmaltiError as error:
            self.refused += 1
            if time.perf_counter() - self._told >= _QUIET:
                self._told = time.perf_counter()
                _log.warning("refused, %d so far: %s", self.refused, error)

    def _obey(self, message: Message) -> None:
        address, name = message.address, message.address.removeprefix("/set/")
        match address:
            case "/quit":
                self._stop()
            case "/label":
                self._knobs.choose(_text(message))
            case "/temperature":
                self._knobs.heat(_number(message))
            case "/guidance":
                self._knobs.guide(_number(message))
            case _ if name != address:
                self._knobs.turn(name, _number(message))
            case _:
                raise ParameterError(f"nothing lies at {address[:60]!r}; {nearest(address, ADDRESSES)}")


@contextmanager
def listening(place: str, controls: Controls) -> Generator[int, None, None]:
    """Obey packets of OSC that come to a port of UDP; gives its number.

    Args:
        place: a port of this machine that only it reaches, or HOST:PORT; port 0 takes any that is free.
        controls: what obeys.
    Raises:
        ParameterError: if it cannot be read so, or the port cannot be had.
    """
    host, _, port = place.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        try:
            there.bind((host or _LOOPBACK, int(port)))
        except (OSError, ValueError, OverflowError) as error:
            raise ParameterError(f"cannot listen at {place!r} ({error}); give a free port, or HOST:PORT") from error
        there.settimeout(_POLL)
        number, done = int(there.getsockname()[1]), Event()
        thread = Thread(target=_listen, args=(there, controls, done), name="smalti OSC", daemon=True)
        thread.start()
        _log.info("hears OSC at %s:%d: %s", host or _LOOPBACK, number, " ".join(ADDRESSES))
        try:
            yield number
        finally:
            done.set()
            thread.join()


def _listen(there: socket.socket, controls: Controls, done: Event) -> None:
    while not done.is_set():
        try:
            packet = there.recv(2**16)
        except OSError:  # nothing came, or a host that was answered is gone
            continue
        controls.obey_packet(packet)


def _number(message: Message) -> float:
    value = _only(message)
    if isinstance(value, str):
        raise ParameterError(f"{message.address} is {value[:40]!r}; send a number")
    return float(value)


def _text(message: Message) -> str:
    value = _only(message)
    if not isinstance(value, str):
        raise ParameterError(f"{message.address} is {value}; send a text")
    return value


def _only(message: Message) -> Argument:
    if len(message.arguments) != 1:
        raise ParameterError(f"{message.address} comes with {len(message.arguments)} values; send one")
    return message.arguments[0]
