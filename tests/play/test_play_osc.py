"""OSC as others send it, and packets that nobody should send."""

import contextlib
import socket
import struct
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.core import Condition, DataError, Parameter, ParameterError, Schema
from smalti.generate import Knobs, Sampling
from smalti.play import Controls, Message, listening, read_packet

SCHEMA = Schema(("rain", "wind"), (Parameter(name="rate", low=0, high=10),))


def text(value: str) -> bytes:
    data = value.encode()
    return data + b"\0" * (4 - len(data) % 4)


def message(address: str, *values: float | str | bool, double: bool = False) -> bytes:
    """A packet as a sender makes it."""
    tags, data = ",", b""
    for value in values:
        if isinstance(value, bool):
            tags += "T" if value else "F"
        elif isinstance(value, str):
            tags, data = tags + "s", data + text(value)
        elif isinstance(value, int):
            tags, data = tags + "i", data + struct.pack(">i", value)
        else:
            tags, data = tags + "fd"[double], data + struct.pack(">fd"[0] + "fd"[double], value)
    return text(address) + text(tags) + data


def bundle(*packets: bytes) -> bytes:
    return text("#bundle") + bytes(8) + b"".join(struct.pack(">i", len(packet)) + packet for packet in packets)


def _knobs(guidance: float = 1) -> Knobs:
    return Knobs(
        SCHEMA,
        Condition(torch.zeros(1, 1).long(), torch.full((1, 1, 1), torch.nan)),
        sampling=Sampling(guidance=guidance),
    )


def test_the_example_of_the_specification_is_read() -> None:
    packet = bytes.fromhex("2f6f7363696c6c61746f722f342f6672657175656e637900 2c660000 43dc0000".replace(" ", ""))
    assert read_packet(packet) == [Message("/oscillator/4/frequency", (440.0,))]


def test_all_types_and_bundles_are_read_in_order() -> None:
    one = message("/a", 1, -2.5, "drei", True, False)
    other = message("/b/ü", 0.1, double=True)
    assert read_packet(one) == [Message("/a", (1, -2.5, "drei", True, False))]
    assert read_packet(bundle(one, bundle(other), bundle())) == [*read_packet(one), Message("/b/ü", (0.1,))]
    assert read_packet(text("/old")) == [Message("/old")]  # some senders leave the type tags out


@pytest.mark.parametrize(
    ("packet", "found"),
    [
        (b"", "without an end"),
        (b"/set", "without an end"),
        (b"/set\0", "ends early"),
        (text("set") + text(","), "wanted an address"),
        (text("/a") + text("f"), "type tags"),
        (text("/a") + text(",f") + b"\0", "ends early"),
        (text("/a") + text(",b") + bytes(8), "of type 'b'"),
        (text("/a") + text("," + "i" * 17) + bytes(68), "type tags"),
        (b"/\xff\xfe\0" + text(","), "UTF-8"),
        (text("#bundle"), "without an end|ends early"),
        (text("#bundle") + bytes(8) + struct.pack(">i", 100), "100 are promised"),
        (text("#bundle") + bytes(8) + struct.pack(">i", -4), "-4 are promised"),
        (bundle(*[message("/a")] * 65), "more than 64"),
        (bundle(bundle(bundle(bundle(bundle(message("/a")))))), "4 deep"),
        (message("/a", "x" * 9000), "8192 at most"),
    ],
)
def test_what_is_no_packet_is_refused(packet: bytes, found: str) -> None:
    with pytest.raises(DataError, match=found):
        read_packet(packet)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_bytes_are_read_or_refused(data: st.DataObject) -> None:
    packet = bundle(message("/set/rate", 3.0), bundle(message("/label", "rain"))) if data.draw(st.booleans()) else b""
    packet = bytearray(packet or data.draw(st.binary(max_size=200)))
    for place in data.draw(st.lists(st.integers(0, max(0, len(packet) - 1)), max_size=4)):
        packet[place : place + 1] = data.draw(st.binary(max_size=2))
    with contextlib.suppress(DataError):
        assert all(found.address.startswith("/") for found in read_packet(bytes(packet)))


def test_messages_turn_knobs_and_end_the_sound() -> None:
    knobs, stopped = _knobs(guidance=2), list[bool]()
    controls = Controls(knobs, lambda: stopped.append(True))
    controls.obey_packet(bundle(message("/set/rate", 5.0), message("/label", "wind")))
    for packet in (message("/temperature", 0.5), message("/guidance", 3), message("/quit")):
        controls.obey_packet(packet)
    asked = knobs.condition_at(0)
    assert asked.labels.tolist() == [[1]] and asked.values.tolist() == [[[0.5]]]
    assert (knobs.sampling().temperature, knobs.sampling().guidance) == (0.5, 3)
    assert stopped == [True] and controls.refused == 0


def test_what_cannot_be_is_refused_by_name_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    controls = Controls(knobs := _knobs(), lambda: None)
    for packet, found in (
        (message("/set/rate", 11.0), "rate=11 is outside 0…10"),
        (message("/set/rat", 1.0), "did you mean 'rate'"),
        (message("/set/rate"), "0 values"),
        (message("/set/rate", "much"), "send a number"),
        (message("/label", 1), "send a text"),
        (message("/temprature", 1), "did you mean '/temperature'"),
        (message("/guidance", 2), "begin with"),
        (b"noise", "packet"),
    ):
        caplog.clear()
        controls._told = float("-inf")
        controls.obey_packet(packet)
        assert found in caplog.text
    assert controls.refused == 8 and not knobs.turns()


def test_a_flood_of_nonsense_is_counted_and_hardly_told(caplog: pytest.LogCaptureFixture) -> None:
    controls = Controls(_knobs(), lambda: None)
    for _ in range(500):
        controls.obey_packet(b"nonsense")
    assert controls.refused == 500 and len(caplog.records) < 100


def test_packets_are_heard_at_a_port_of_this_machine_only() -> None:
    knobs = _knobs()
    controls = Controls(knobs, lambda: None)
    with listening("0", controls) as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        with pytest.raises(ParameterError, match="cannot listen"), listening(str(port), controls):
            pass
        deadline = time.perf_counter() + 10
        for packet in (bytes(60_000), b"", message("/set/rate", 2.0)):
            sender.sendto(packet, ("127.0.0.1", port))
        while not knobs.turns() and time.perf_counter() < deadline:
            time.sleep(0.005)
        assert [(turn.name, turn.value) for turn in knobs.turns()] == [("rate", 2.0)]
        assert controls.refused == 2


@pytest.mark.parametrize("place", ["", "port", "70000", "-1", "nowhere.invalid:9000", "::1:9000"])
def test_a_place_that_cannot_be_heard_at_is_refused(place: str) -> None:
    with pytest.raises(ParameterError, match="cannot listen at"), listening(place, Controls(_knobs(), lambda: None)):
        pass
