"""`.dac` files: exact codes from good ones, a clean refusal for hostile ones, and nothing in either is ever run."""

import io
import os
import pickle
import struct
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smalti.core import ParameterError, StoreError
from smalti.store import DacFile, dac_bytes, read_dac, verify, write_dac

HEADER = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(117) + b"\n"
MOST_BYTES = 50e6


def clip(seed: int = 0, *, frames: int = 12, codebooks: int = 3, **facts: Any) -> DacFile:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(1024, (facts.get("channels", 1), codebooks, frames), generator=generator)
    return DacFile(
        **{"sample_rate": 44_100, "original_length": 512 * frames - 7, "chunk_length": frames, "input_db": -20.25}
        | facts
        | {"codes": codes}
    )


def as_numpy(one: DacFile) -> dict[str, Any]:
    """What the published writer hands to `numpy.save`."""
    return {
        "codes": one.codes.numpy().astype(np.uint16),
        "metadata": {
            "input_db": np.array([one.input_db], np.float32),
            "original_length": one.original_length,
            "sample_rate": one.sample_rate,
            "chunk_length": one.chunk_length,
            "channels": one.channels,
            "padding": one.padding,
            "dac_version": one.dac_version,
        },
    }


def with_pickle(value: Any, protocol: int = 3) -> bytes:
    return HEADER + pickle.dumps(np.array(value, dtype=object), protocol=protocol)


def same(one: DacFile, other: DacFile) -> bool:
    facts = ("sample_rate", "original_length", "chunk_length", "input_db", "channels", "padding", "dac_version")
    return torch.equal(one.codes, other.codes) and all(getattr(one, name) == getattr(other, name) for name in facts)


def kept(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


GOOD = [
    clip(seed, frames=frames, codebooks=codebooks, **facts)
    for seed, (frames, codebooks, facts) in enumerate(
        [
            (431, 4, {"original_length": 220_500}),
            (1, 1, {"sample_rate": 8_000, "original_length": 1}),
            (72 * 3, 9, {"chunk_length": 72, "padding": False, "original_length": 80_000}),
            (7, 2, {"channels": 2, "input_db": -70.0}),
            (300, 32, {"sample_rate": 24_000, "original_length": 2**28}),
        ]
    )
]


@pytest.mark.parametrize("good", range(len(GOOD)))
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_file_of_the_published_layout_is_read_exactly(tmp_path: Path, good: int, protocol: int) -> None:
    for module in (b"numpy._core", b"numpy.core"):
        data = with_pickle(as_numpy(GOOD[good]), protocol)
        if protocol < 4:  # later ones count the letters
            data = data.replace(b"numpy._core", module)
        assert same(read_dac(kept(tmp_path / "a.dac", data)), GOOD[good])


def test_what_numpy_saves_here_and_now_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.dac").open("wb") as file:
        np.save(file, as_numpy(GOOD[0]))  # type: ignore[arg-type]
    assert same(read_dac(tmp_path / "a.dac"), GOOD[0])


def test_the_longer_header_of_numpy_is_read(tmp_path: Path) -> None:
    whole = dac_bytes(GOOD[0])
    longer = whole[:6] + b"\x02\x00" + struct.pack("<I", len(HEADER) - 10) + whole[10:]
    assert same(read_dac(kept(tmp_path / "a.dac", longer)), GOOD[0])


def test_a_level_without_axes_and_numbers_that_numpy_made_are_read(tmp_path: Path) -> None:
    one = clip(input_db=-20.0)
    value = as_numpy(one)
    value["metadata"] |= {"input_db": np.array(-20.0, np.float32), "chunk_length": np.int64(12), "padding": np.True_}
    assert same(read_dac(kept(tmp_path / "a.dac", with_pickle(value))), one)


def test_codes_in_another_order_or_kind_are_the_same_codes(tmp_path: Path) -> None:
    one = clip()
    for codes in (one.codes.numpy(), as_numpy(one)["codes"].astype(">u2"), np.asfortranarray(one.codes.numpy())):
        assert same(read_dac(kept(tmp_path / "a.dac", with_pickle(as_numpy(one) | {"codes": codes}))), one)


@pytest.mark.parametrize("good", range(len(GOOD)))
def test_a_file_is_written_byte_for_byte_as_numpy_1_writes_it(tmp_path: Path, good: int) -> None:
    theirs = with_pickle(as_numpy(GOOD[good])).replace(b"numpy._core", b"numpy.core")
    assert dac_bytes(GOOD[good]) == theirs
    write_dac(tmp_path / "a.dac", GOOD[good])
    assert same(read_dac(tmp_path / "a.dac"), GOOD[good])


def test_the_published_reader_reads_what_is_written() -> None:
    value = np.load(io.BytesIO(dac_bytes(GOOD[2])), allow_pickle=True)[()]
    assert np.array_equal(value["codes"], GOOD[2].codes.numpy())
    assert value["codes"].dtype == np.uint16
    assert value["metadata"] == as_numpy(GOOD[2])["metadata"]


def test_five_seconds_of_four_codebooks_take_the_published_number_of_bytes() -> None:
    assert len(dac_bytes(GOOD[0])) == 4081


def test_chunks_and_seconds_follow_from_the_facts() -> None:
    assert (GOOD[2].chunks, GOOD[2].seconds) == (3, 80_000 / 44_100)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"codes": np.full((1, 3, 12), 1024, np.uint16)}, "code 1024, wanted 0…1023"),
        ({"codes": np.full((1, 3, 12), -1, np.int16)}, "code -1"),
        ({"codes": np.zeros((3, 12), np.uint16)}, "three axes"),
        ({"codes": np.zeros((1, 3, 0), np.uint16)}, "no codes"),
        ({"codes": np.zeros((1, 3, 12), np.float32)}, "three axes"),
        ({"codes": np.zeros((2, 3, 12), np.uint16)}, "2 channels, wanted 1"),
        ({"codes": [[[1, 2]]]}, "three axes"),
        ({"metadata": None}, "NoneType as its metadata"),
        ({"more": 1}, "'more' in its content, which is unknown"),
    ],
)
def test_content_that_cannot_be_is_refused_by_name(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    data = with_pickle(as_numpy(clip()) | change)
    with pytest.raises(StoreError, match=said):
        read_dac(kept(tmp_path / "a.dac", data))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chunk_length": 5}, "no whole number of chunks of 5"),
        ({"chunk_length": 0}, "chunk_length"),
        ({"sample_rate": -1}, "sample_rate"),
        ({"sample_rate": 44100.0}, "sample_rate"),
        ({"original_length": 10**18}, "original_length"),
        ({"original_length": True}, "original_length"),
        ({"input_db": np.array([np.nan], np.float32)}, "input_db"),
        ({"input_db": np.zeros(3, np.float32)}, "input_db"),
        ({"padding": "yes"}, "padding"),
        ({"dac_version": "2.0.0"}, "dac_version"),
        ({"model": "44khz"}, "'model' in its metadata, which is unknown"),
    ],
)
def test_facts_that_cannot_be_are_refused_by_name(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    value = as_numpy(clip())
    value["metadata"] |= change
    with pytest.raises(StoreError, match=said):
        read_dac(kept(tmp_path / "a.dac", with_pickle(value)))


def test_a_missing_fact_and_a_missing_file_are_named(tmp_path: Path) -> None:
    value = as_numpy(clip())
    del value["metadata"]["sample_rate"]
    with pytest.raises(StoreError, match="lacks sample_rate"):
        read_dac(kept(tmp_path / "a.dac", with_pickle(value)))
    with pytest.raises(StoreError, match="cannot be read"):
        read_dac(tmp_path / "b.dac")
    with pytest.raises(StoreError, match="is a folder or a device"):
        read_dac(tmp_path)


def test_a_vocabulary_of_ones_own_is_taken(tmp_path: Path) -> None:
    write_dac(tmp_path / "a.dac", one := clip())
    assert same(read_dac(tmp_path / "a.dac", vocab=2048), one)
    with pytest.raises(StoreError, match=r"wanted 0…15"):
        read_dac(tmp_path / "a.dac", vocab=16)


def test_codes_beyond_16_bits_are_not_written(tmp_path: Path) -> None:
    one = clip()
    one.codes[0, 0, 0] = 1 << 16
    with pytest.raises(ParameterError, match="65536"):
        write_dac(tmp_path / "a.dac", one)
    assert not (tmp_path / "a.dac").exists()


def test_verify_says_whether_a_file_can_be_read(tmp_path: Path) -> None:
    write_dac(tmp_path / "a.dac", clip())
    assert verify(tmp_path / "a.dac") == []
    (problem,) = verify(kept(tmp_path / "b.dac", dac_bytes(clip())[:-9]))
    assert "b.dac is no good .dac file" in problem


class _Call:
    """Makes a pickle call something when it is read."""

    def __init__(self, called: Callable[..., Any], *given: Any) -> None:
        self.called, self.given = called, given

    def __reduce__(self) -> tuple[Any, ...]:
        return self.called, self.given


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _array(shape: bytes, kind: str, data: bytes) -> bytes:
    """The steps of an array whose claims are one's own."""
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR"
    dtype = (
        b"cnumpy\ndtype\n"
        + _text(kind)
        + b"\x89\x88\x87R(K\x03"
        + _text("<")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    return made + b"(K\x01" + shape + dtype + b"\x89B" + struct.pack("<I", len(data)) + data + b"tb"


def _object(content: bytes) -> bytes:
    """A file whose one object is made by these steps."""
    made = b"\x80\x03cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR"
    return HEADER + made + b"(K\x01)cnumpy\ndtype\nX\x02\x00\x00\x00O8\x89\x88\x87R\x89](" + content + b"etb."


def _codes(array: bytes) -> bytes:
    return _object(b"}(" + _text("codes") + array + b"u")


def _hostile(canary: Path) -> dict[str, bytes]:
    """Files that would run something, or fill memory, in a reader that believes them."""
    line = f"open({str(canary)!r}, 'w')"
    many = b"\x8c\x03lol\x94" + b"".join(b"(" + b"h" + bytes([i]) + b"h" + bytes([i]) + b"t\x94" for i in range(200))
    return {
        "os.system": with_pickle(_Call(os.system, f"touch {canary}")),
        "eval": with_pickle(_Call(eval, line)),
        "exec by INST": _object(b"(" + _text(line) + b"ibuiltins\nexec\n"),
        "exec by OBJ": _object(b"(cbuiltins\nexec\n" + _text(line) + b"o"),
        "exec by NEWOBJ": _object(b"cbuiltins\nexec\n" + _text(line) + b"\x85\x81"),
        "exec by STACK_GLOBAL": _object(_text("builtins") + _text("exec") + b"\x93" + _text(line) + b"\x85R"),
        "a path below numpy by STACK_GLOBAL": _object(_text("numpy") + _text("ndarray.__class__") + b"\x93"),
        "numpy's own way to run code": _object(b"cnumpy.testing._private.utils\nrunstring\n" + _text(line) + b"}\x86R"),
        "a persistent name": _object(b"Pos.system\n"),
        "an extension": _object(b"\x82\x01"),
        "a huge shape": _codes(_array(b"(J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7ft", "u2", b"12")),
        "a shape below zero": _codes(_array(b"(J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x01t", "u2", b"12")),
        "numbers of another width": _codes(_array(b"(K\x01K\x01K\x04t", "u8", b"12345678")),
        "numbers that are objects": _codes(_array(b"(K\x01K\x01K\x01t", "O8", bytes(8))),
        "numbers that are a million letters": _codes(_array(b"(K\x01K\x01K\x01t", "V1000000", bytes(8))),
        "a text encoded four hundred times": _object(
            _text("lol" * 10**5) + b"q\x00c_codecs\nencode\nq\x01" + b"h\x01h\x00X\x06\x00\x00\x00latin1\x86R" * 390
        ),
        "a dict that holds itself": _object(b"}q\x00" + _text("codes") + b"h\x00s" + _text("metadata") + b"h\x00s"),
        "a list that holds itself": _object(b"]q\x00h\x00a"),
        "a tuple doubled two hundred times": _object(many),
        "the same as a key": _object(b"}" + many + b"Ns"),
        "a million steps": _object(b"N" * 1_000_000),
        "brackets a million deep": _object(b"]" * 1_000_000 + b"a" * 999_999),
        "a text of four gigabytes": _object(b"X\xff\xff\xff\xff" + b"lol"),
        "bytes of an exabyte": _object(b"\x96" + struct.pack("<Q", 1 << 60)),
        "a memo of four billion": _object(b"Nr\xff\xff\xff\xffj\xfe\xff\xff\xff"),
        "a header that is a program": b"\x93NUMPY\x01\x00v\x00" + line.encode()[:117].ljust(117) + b"\n",
        "a header of four gigabytes": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + HEADER[10:],
        "an array of numbers": b"\x93NUMPY\x01\x00v\x00" + HEADER[10:].replace(b"'|O'", b"'<u2'")[:118],
        "something behind its end": dac_bytes(clip()) + pickle.dumps(_Call(os.system, f"touch {canary}")),
        "no bytes": b"",
        "half of itself": dac_bytes(clip())[:300],
    }


@pytest.mark.parametrize("name", list(_hostile(Path("canary"))))
def test_a_hostile_file_is_refused_and_nothing_in_it_runs(tmp_path: Path, name: str) -> None:
    path = kept(tmp_path / "a.dac", _hostile(tmp_path / "canary")[name])
    tracemalloc.start()
    try:
        with pytest.raises(StoreError, match=r"a\.dac .*nothing in it was run"):
            read_dac(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not (tmp_path / "canary").exists()
    assert peak < MOST_BYTES


def test_the_hostile_files_would_run_in_a_reader_that_believes_them(tmp_path: Path) -> None:
    for name in ("os.system", "eval", "exec by STACK_GLOBAL", "exec by INST"):
        canary = tmp_path / name
        with suppress(Exception):
            np.load(io.BytesIO(_hostile(canary)[name]), allow_pickle=True)
        assert canary.exists(), name


def test_two_hundred_mutations_are_read_or_refused_cleanly(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    whole = dac_bytes(clip(frames=20))
    refused = 0
    tracemalloc.start()
    for _ in range(200):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), rng.integers(1, 6)):
            data[place] = rng.integers(256)
        if rng.random() < 0.3:
            del data[rng.integers(len(data)) :]
        try:
            read = read_dac(kept(tmp_path / "a.dac", bytes(data)))
        except StoreError:
            refused += 1
        else:
            assert int(read.codes.max()) < 1024
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_BYTES
    assert refused > 100


def test_a_file_larger_than_any_clip_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.dac").open("wb") as file:
        file.write(HEADER)
        file.truncate(2**40)
    with pytest.raises(StoreError, match="wanted at most"):
        read_dac(tmp_path / "a.dac")
