"""Laws of the token store: a function of the clip list, whole or unfinished, and damage has a name."""

import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from faults.damage import cuts, files_of, flips, replaced, temps_of
from faults.writes import full_at
from smalti.core import ParameterError, SpecError, StoreError, TokenSpec
from smalti.store import TokenStore, lock, verify, write_store

SPEC = TokenSpec(sample_rate=8000, hop=3, codebooks=2, vocab=65536, tokenizer="a" * 64)


def clips_of(count=7):
    samples = [5 + 3 * i for i in range(count)]
    return pa.table({"path": [f"c{i:03d}.wav" for i in range(count)], "samples": samples, "rate": [0.5] * count})


def codes_of(row, clips):
    generator = torch.Generator().manual_seed(row)
    return torch.randint(0, 65536, (2, SPEC.frames(clips["samples"][row].as_py())), generator=generator)


def encoder(clips, bad=(), seen=None):
    def encode(rows):
        if seen is not None:
            seen.extend(rows)
        return [f"clip {row} is cut" if row in bad else codes_of(row, clips) for row in rows]

    return encode


def written(folder, clips=None, **kwargs):
    clips = clips_of() if clips is None else clips
    return write_store(folder, SPEC, clips, encoder(clips, **kwargs), shard_clips=2)


def test_every_clip_comes_back_with_its_row(tmp_path):
    clips = clips_of()
    report = written(tmp_path / "s", clips)
    store = TokenStore.open(tmp_path / "s")
    assert (report.clips, report.failed, report.written, report.kept) == (7, (), 4, 0)
    assert len(store) == 7 and store.spec == SPEC and store.clips.equals(clips)
    for row in (6, 0, 3, 1, 5, 2, 4):
        assert torch.equal(store.codes(row), codes_of(row, clips))
        assert store.tokens(row).lengths.tolist() == [clips["samples"][row].as_py()]
    assert store.verify() == [] and verify(tmp_path / "s") == [] and temps_of(tmp_path) == []


def test_clips_that_fail_are_listed_with_their_reason_and_the_others_keep_their_rows(tmp_path):
    clips, bad = clips_of(), (0, 4, 5)
    report = written(tmp_path, clips, bad=bad)
    store = TokenStore.open(tmp_path)
    assert store.failed == report.failed == tuple((f"c{i:03d}.wav", f"clip {i} is cut") for i in bad)
    assert report.clips == len(store) == 4
    for place, row in enumerate((1, 2, 3, 6)):
        assert store.clips["path"][place].as_py() == f"c{row:03d}.wav"
        assert torch.equal(store.codes(place), codes_of(row, clips))
    before = files_of(tmp_path)
    assert written(tmp_path, clips, bad=bad).failed == report.failed and files_of(tmp_path) == before


def test_an_interrupted_write_continues_to_the_same_bytes_and_encodes_nothing_twice(tmp_path):
    clips = clips_of()
    written(tmp_path / "whole", clips)
    seen: list[int] = []

    def stop(done, _total):
        if done == 4:
            raise KeyboardInterrupt

    for progress in (stop, None):
        try:
            write_store(tmp_path / "s", SPEC, clips, encoder(clips, seen=seen), shard_clips=2, progress=progress)
        except KeyboardInterrupt:
            with pytest.raises(StoreError, match="unfinished"):
                TokenStore.open(tmp_path / "s")
            assert verify(tmp_path / "s") == [f"{tmp_path / 's'} is unfinished; run the same encode command again"]
    assert files_of(tmp_path / "s") == files_of(tmp_path / "whole")
    assert seen == list(range(7))


def test_a_longer_list_encodes_only_the_shards_that_change_and_a_shorter_one_leaves_no_extra(tmp_path):
    seen: list[int] = []
    written(tmp_path / "s", clips_of(7))
    written(tmp_path / "s", clips_of(9), seen=seen)
    assert seen == [6, 7, 8]
    written(tmp_path / "s", clips_of(2))
    written(tmp_path / "whole", clips_of(2))
    assert files_of(tmp_path / "s") == files_of(tmp_path / "whole")


def test_an_empty_list_gives_an_empty_store(tmp_path):
    empty = pa.table({"path": pa.array([], pa.string()), "samples": pa.array([], pa.int64())})
    write_store(tmp_path, SPEC, empty, encoder(empty))
    assert len(TokenStore.open(tmp_path)) == 0


def test_tracks_travel_with_the_store(tmp_path):
    pq.write_table(pa.table({"path": ["c000.wav"], "frame": [0], "rate": [1.5]}), tmp_path / "t.parquet")
    clips = clips_of()
    write_store(tmp_path / "s", SPEC, clips, encoder(clips), tracks=tmp_path / "t.parquet")
    found = TokenStore.open(tmp_path / "s").tracks()
    assert found is not None and pq.read_table(found).equals(pq.read_table(tmp_path / "t.parquet"))
    found.write_bytes(b"")
    with pytest.raises(StoreError, match=r"tracks\.parquet is damaged"):
        TokenStore.open(tmp_path / "s").tracks()
    write_store(tmp_path / "s", SPEC, clips, encoder(clips))
    assert TokenStore.open(tmp_path / "s").tracks() is None


def test_a_damaged_shard_is_named_the_others_stay_readable_and_only_it_is_written_again(tmp_path):
    clips = clips_of()
    written(tmp_path, clips)
    before = files_of(tmp_path)
    bad = next(flips(before["shard-00001.safetensors"], count=1, seed=0))
    (tmp_path / "shard-00001.safetensors").write_bytes(bad)
    store = TokenStore.open(tmp_path)
    with pytest.raises(StoreError, match=r"shard-00001\.safetensors is damaged"):
        store.codes(3)
    assert torch.equal(store.codes(4), codes_of(4, clips))
    assert store.verify() == ["shard-00001.safetensors is damaged: its SHA-256 differs"]
    seen: list[int] = []
    assert written(tmp_path, clips, seen=seen).written == 1
    assert seen == [2, 3] and files_of(tmp_path) == before


def test_every_flip_and_cut_of_any_file_is_noticed(tmp_path):
    written(tmp_path)
    for number, (name, data) in enumerate(files_of(tmp_path).items()):
        for bad in [*flips(data, count=40, seed=number), *cuts(data, count=5, seed=number)]:
            with replaced(tmp_path / name, bad):
                problem = verify(tmp_path)[0]
                assert name in problem or "index.json" in problem, (name, problem)


def test_a_missing_and_an_extra_shard_are_noticed_on_opening_and_the_others_stay_readable(tmp_path, caplog):
    written(tmp_path)
    (tmp_path / "shard-00002.safetensors").rename(tmp_path / "shard-00009.safetensors")
    with caplog.at_level(logging.WARNING):
        store = TokenStore.open(tmp_path)
    assert "shard-00002.safetensors is missing" in caplog.text and "shard-00009.safetensors does not" in caplog.text
    with pytest.raises(StoreError, match=r"shard-00002\.safetensors is missing"):
        store.codes(4)
    assert store.codes(6).shape == (2, SPEC.frames(23))
    assert len(store.verify()) == 2


def test_tokens_of_another_tokenizer_do_not_mix(tmp_path):
    written(tmp_path)
    other = TokenSpec(sample_rate=8000, hop=3, codebooks=2, vocab=65536, tokenizer="b" * 64)
    before = files_of(tmp_path)
    with pytest.raises(SpecError, match="another tokenizer"):
        write_store(tmp_path, other, clips_of(), encoder(clips_of()))
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    "table",
    [pa.table({"path": ["b", "a"], "samples": [1, 1]}), pa.table({"path": ["a", "a"], "samples": [1, 1]}),
     pa.table({"path": ["a"], "seconds": [1.0]}), pa.table({"path": ["a", None], "samples": [1, 1]})],
)  # fmt: skip
def test_a_table_that_is_unsorted_repeated_or_short_of_a_column_is_refused(tmp_path, table):
    with pytest.raises(ParameterError):
        write_store(tmp_path / "s", SPEC, table, encoder(table))
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    "result", [torch.zeros(2, 3, dtype=torch.int64), torch.zeros(1, 2, dtype=torch.int64), torch.full((2, 2), 65536)]
)
def test_codes_that_do_not_fit_their_clip_or_spec_are_refused(tmp_path, result):
    with pytest.raises((ParameterError, SpecError)):
        write_store(tmp_path, SPEC, clips_of(1), lambda rows: [result])
    with pytest.raises(ParameterError, match="0 results for 1"):
        write_store(tmp_path, SPEC, clips_of(1), lambda rows: [])


def test_a_row_that_does_not_exist_is_refused(tmp_path):
    written(tmp_path)
    for row in (-1, 7):
        with pytest.raises(ParameterError, match=r"outside 0…6"):
            TokenStore.open(tmp_path).codes(row)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("RIFF")])
def test_what_is_no_store_is_refused(tmp_path, make):
    make(tmp_path / "s")
    with pytest.raises(StoreError, match="is no token store"):
        TokenStore.open(tmp_path / "s")
    if not (tmp_path / "s").is_file():
        with pytest.raises(StoreError, match="wanted a run, a token store"):
            verify(tmp_path / "s")


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "song.wav").touch()
    with pytest.raises(StoreError, match=r"something else than a token store \(song\.wav\)"):
        written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def test_what_else_is_kept_in_a_store_stays_and_its_tokenizer_is_checked(tmp_path):
    written(tmp_path)
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "weights.safetensors").write_bytes(b"cut")
    assert written(tmp_path).kept == 4
    assert len(verify(tmp_path)) == 1 and "tokenizer" in verify(tmp_path)[0]


def test_a_store_in_use_is_refused(tmp_path):
    with lock(tmp_path), pytest.raises(StoreError, match="in use"):
        written(tmp_path)


def test_a_disk_that_fills_at_any_write_is_told_and_the_write_goes_on_to_the_same_bytes(tmp_path):
    written(tmp_path / "whole")
    number = 0
    while True:
        with full_at(number) as full:
            try:
                written(tmp_path / "s")
            except StoreError as error:
                assert "no space left" in str(error) and "bytes" in str(error)
        if full.left >= 0:
            break
        number += 3
        assert temps_of(tmp_path) == []
    assert number > 12 and files_of(tmp_path / "s") == files_of(tmp_path / "whole")


def test_more_shards_than_stay_open_are_all_readable(tmp_path):
    clips = clips_of(80)
    written(tmp_path, clips)
    store = TokenStore.open(tmp_path)
    for row in [*range(80), 0]:
        assert torch.equal(store.codes(row), codes_of(row, clips))
