"""Laws of the token file: every clip comes back, every changed byte is noticed, no claim is believed."""

import json
import math
import struct
import zlib
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from faults.damage import cuts, flips, temps_of
from faults.writes import full_at
from smalti.core import ParameterError, SpecError, StoreError, Tokens, TokenSpec
from smalti.store import SmtReader, SmtWriter, read_smt, verify, write_smt
from smalti.store.packing import pack, packed_bytes, unpack


def spec_of(codebooks=3, vocab=1000, hop=7):
    return TokenSpec(sample_rate=8000, hop=hop, codebooks=codebooks, vocab=vocab, tokenizer="f" * 64)


def clip_of(spec, samples, seed=0):
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, spec.vocab, (1, spec.codebooks, spec.frames(samples)), generator=generator)
    return Tokens(codes, spec, torch.tensor([samples]))


specs = st.builds(
    spec_of, st.integers(1, 5), st.sampled_from([1, 2, 3, 256, 257, 1024, 65536, 2**31]), st.integers(1, 9)
)


@settings(max_examples=60)
@given(specs, st.integers(0, 20_000), st.integers(0, 99))
def test_a_clip_comes_back_exactly(tmp_path_factory, spec, samples, seed):
    path = tmp_path_factory.mktemp("smt") / "a.smt"
    clip = clip_of(spec, samples, seed)
    write_smt(path, clip)
    back = read_smt(path)
    assert torch.equal(back.codes, clip.codes) and back.spec == spec and torch.equal(back.lengths, clip.lengths)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1500), max_size=6))
def test_blocks_of_any_size_give_the_same_bytes(tmp_path_factory, sizes):
    folder = tmp_path_factory.mktemp("smt")
    clip = clip_of(spec_of(), sum(sizes) * 7)
    write_smt(folder / "whole.smt", clip)
    with SmtWriter(folder / "blocks.smt", clip.spec) as writer:
        for block in clip.codes[0].split(sizes, dim=1):
            writer.append(block)
        writer.finish(samples=sum(sizes) * 7)
    assert (folder / "whole.smt").read_bytes() == (folder / "blocks.smt").read_bytes()


@given(st.integers(1, 4), st.integers(0, 40), st.integers(1, 2**20))
def test_packing_takes_the_fewest_whole_bits(codebooks, frames, vocab):
    codes = torch.randint(0, vocab, (codebooks, frames))
    data = pack(codes, vocab)
    assert len(data) == packed_bytes(codebooks * frames, vocab)
    assert torch.equal(unpack(data, codebooks=codebooks, frames=frames, vocab=vocab), codes)


def test_codes_are_packed_frame_by_frame_highest_bit_first():
    assert pack(torch.tensor([[1, 2, 3], [4, 0, 7]]), 8) == bytes([0b00110001, 0b00000111, 0b11000000])


def test_reading_block_by_block_gives_the_whole(tmp_path):
    clip = clip_of(spec_of(), 20_000)
    write_smt(tmp_path / "a.smt", clip)
    with SmtReader(tmp_path / "a.smt") as reader:
        blocks = list(reader.blocks())
        assert (reader.samples, reader.frames) == (20_000, clip.codes.shape[2])
        assert [block.shape[1] for block in blocks] == [1024, 1024, 810]
        assert torch.equal(torch.cat(blocks, 1), clip.codes[0])
        assert torch.equal(torch.cat(list(reader.blocks()), 1), clip.codes[0])


def test_every_single_byte_changed_is_noticed(tmp_path):
    path = tmp_path / "a.smt"
    write_smt(path, clip_of(spec_of(), 40))
    data = path.read_bytes()
    assert verify(path) == []
    for place in range(len(data)):
        for mask in (1, 128, 255):
            path.write_bytes(data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :])
            with pytest.raises(StoreError):
                read_smt(path)
            assert verify(path)


def test_200_flips_20_cuts_and_a_longer_file_are_all_noticed(tmp_path):
    path = tmp_path / "a.smt"
    write_smt(path, clip_of(spec_of(), 20_000))
    data = path.read_bytes()
    for bad in [*flips(data, count=200, seed=1), *cuts(data, count=20, seed=2), data + b"\0", data + data]:
        path.write_bytes(bad)
        with pytest.raises(StoreError, match=r"a\.smt"):
            read_smt(path)


def test_swapped_blocks_are_noticed(tmp_path):
    path = tmp_path / "a.smt"
    clip = clip_of(spec_of(), 7 * 2048)
    write_smt(path, clip)
    data, size = path.read_bytes(), packed_bytes(3 * 1024, 1000) + 4
    start = len(data) - 12 - 2 * size
    path.write_bytes(data[:start] + data[start + size : start + 2 * size] + data[start : start + size] + data[-12:])
    with pytest.raises(StoreError, match="block 0"):
        read_smt(path)


def forged(*, samples=0, payload=b"", **fields):
    """A file whose checksums are right and whose claims are not."""
    crc = lambda data: struct.pack("<I", zlib.crc32(data))  # noqa: E731
    header = {"version": 1, "sample_rate": 8000, "hop": 7, "codebooks": 3, "vocab": 5, "tokenizer": "f", **fields}
    text = json.dumps({key: value for key, value in header.items() if value is not ...}).encode()
    head = struct.pack("<I", len(text)) + text
    hop = header["hop"] if isinstance(header["hop"], int) and header["hop"] > 0 else 1
    blocks = math.ceil(Fraction(samples, hop * 1024))
    end = struct.pack("<Q", samples)
    return b"\x89SMT\r\n\x1a\n" + head + crc(head) + payload + end + crc(struct.pack("<I", blocks & 0xFFFFFFFF) + end)


@pytest.mark.parametrize(
    "fields",
    [{"codebooks": 1 << 40}, {"codebooks": 0}, {"vocab": 1 << 40}, {"vocab": "5"}, {"hop": -1}, {"hop": True},
     {"hop": 1.5}, {"sample_rate": 1e999}, {"tokenizer": 3}, {"extra": 1}, {"hop": ...}, {"version": 2},
     {"version": ...}, {"samples": 2**64 - 1}, {"samples": 2**62, "hop": 1, "codebooks": 1024}],
)  # fmt: skip
def test_a_lying_header_is_refused_without_allocating(tmp_path, fields):
    (tmp_path / "a.smt").write_bytes(forged(**fields))
    with pytest.raises(StoreError):
        read_smt(tmp_path / "a.smt")


def test_the_forger_is_able_to_make_a_good_file(tmp_path):
    (tmp_path / "a.smt").write_bytes(forged())
    assert read_smt(tmp_path / "a.smt").codes.shape == (1, 3, 0)


def test_codes_beyond_the_vocabulary_are_refused_even_with_right_checksums(tmp_path):
    data = pack(torch.full((3, 1), 7), 8)
    payload = data + struct.pack("<I", zlib.crc32(struct.pack("<I", 0) + data))
    (tmp_path / "a.smt").write_bytes(forged(samples=7, payload=payload))
    with pytest.raises(StoreError, match=r"code 7 is outside 0…4"):
        read_smt(tmp_path / "a.smt")


@pytest.mark.parametrize("data", [b"", b"RIFF", b"\x89SMT\r\n\x1a\n", b"\x89SMT\r\n\x1a\n\xff\xff\xff\xff"])
def test_another_kind_of_file_is_refused(tmp_path, data):
    (tmp_path / "a.smt").write_bytes(data)
    with pytest.raises(StoreError):
        read_smt(tmp_path / "a.smt")
    with pytest.raises(StoreError, match=r"b\.smt cannot be read"):
        read_smt(tmp_path / "b.smt")


def test_a_writer_refuses_what_does_not_fit_and_leaves_nothing(tmp_path):
    spec = spec_of(codebooks=2, vocab=5)
    good = torch.zeros(2, 4, dtype=torch.int64)
    cases = [
        (SpecError, lambda w: w.append(good[:1])),
        (ParameterError, lambda w: w.append(good + 5)),
        (ParameterError, lambda w: (w.append(good), w.finish(samples=29))),
        (ParameterError, lambda w: (w.append(good), w.finish(samples=-1))),
        (StoreError, lambda w: w.append(good)),
    ]
    for error, work in cases:
        with pytest.raises(error), SmtWriter(tmp_path / "a.smt", spec) as writer:
            work(writer)
    assert list(tmp_path.iterdir()) == []


def test_more_than_one_clip_is_refused(tmp_path):
    clip = clip_of(spec_of(), 40)
    with pytest.raises(ParameterError, match="found 2 clips"):
        write_smt(tmp_path / "a.smt", Tokens.batch([clip, clip]))


def test_a_disk_that_fills_at_any_write_leaves_no_file(tmp_path):
    clip = clip_of(spec_of(), 20_000)
    number = 0
    while True:
        with full_at(number) as full:
            try:
                write_smt(tmp_path / "a.smt", clip)
            except StoreError as error:
                assert "no space left" in str(error)
        if full.left >= 0:
            break
        number += 1
        assert temps_of(tmp_path) == []
    assert number >= 7 and torch.equal(read_smt(tmp_path / "a.smt").codes, clip.codes)
