"""A store of tokens from a manifest: complete, repeatable, honest about what it lacks, and enough to be heard again."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transcode_fakes import Halves

from smalti.audio import read, write
from smalti.core import Audio, DataError, SpecError
from smalti.data import Manifest
from smalti.store import TokenStore
from smalti.systems.mulaw import MuLaw
from smalti.transcode import decode_store, encode_store

LENGTHS = {"b/long.wav": 4001, "a/short.wav": 10, "a/middle.flac": 2500}


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Three recordings at 8 kHz, one of them held out, whose lengths the table rounds to milliseconds."""
    folder = tmp_path / "sounds"
    for seed, (name, length) in enumerate(LENGTHS.items()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        wave = torch.rand(length, generator=torch.Generator().manual_seed(seed)) - 0.5
        write(folder / name, Audio.single(wave, 8000))
    rows = [
        {"path": name, "seconds": round(length / 8000, 3), "label": name[0], "split": split, "rate": float(seed)}
        for seed, ((name, length), split) in enumerate(zip(LENGTHS.items(), ["train", "train", "test"], strict=True))
    ]
    return Manifest.from_rows(rows, folder)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_store_holds_every_clip_in_order_of_path(manifest: Manifest, tmp_path: Path) -> None:
    report = encode_store(MuLaw(), manifest, tmp_path / "store")
    store = TokenStore.open(tmp_path / "store")
    assert store.clips["path"].to_pylist() == sorted(LENGTHS)
    assert store.clips["label"].to_pylist() == ["a", "a", "b"]
    assert report.files == 3 and report.failed == ()
    for row, name in enumerate(sorted(LENGTHS)):
        alone = MuLaw().encode(read(manifest.root / name)).codes[0]
        found = store.codes(row)
        assert abs(found.shape[1] - alone.shape[1]) <= 8  # the table's millisecond
        both = min(found.shape[1], alone.shape[1])
        assert torch.equal(found[:, :both], alone[:, :both])


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_the_batch_changes_no_byte(manifest: Manifest, tmp_path: Path, batch: int) -> None:
    encode_store(Halves(), manifest, tmp_path / "one", batch=1)
    encode_store(Halves(), manifest, tmp_path / "other", batch=batch)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_an_interrupted_store_continues_to_the_same_bytes(manifest: Manifest, tmp_path: Path) -> None:
    encode_store(Halves(), manifest, tmp_path / "whole", shifts=3)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_store(Halves(), manifest, tmp_path / "cut", shifts=3, progress=stop)
    with pytest.raises(Exception, match="unfinished"):
        TokenStore.open(tmp_path / "cut")
    encode_store(Halves(), manifest, tmp_path / "cut", shifts=3)
    assert contents(tmp_path / "whole") == contents(tmp_path / "cut")


def test_shifted_versions_begin_a_fraction_of_a_frame_later(manifest: Manifest, tmp_path: Path) -> None:
    codec = Halves()
    encode_store(codec, manifest, tmp_path / "store", shifts=3)
    store = TokenStore.open(tmp_path / "store")
    shifts = {path: store.clips["shift"][row].as_py() for row, path in enumerate(store.clips["path"].to_pylist())}
    # hop 3: every sample; the held-out clip only once, all others three times
    assert shifts == {
        "a/middle.flac": 0,
        "a/short.wav": 0,
        "a/short.wav@1": 1,
        "a/short.wav@2": 2,
        "b/long.wav": 0,
        "b/long.wav@1": 1,
        "b/long.wav@2": 2,
    }
    row = store.clips["path"].to_pylist().index("b/long.wav@2")
    samples = store.clips["samples"][row].as_py()
    wave = read(manifest.root / "b/long.wav").samples[0, 2 : 2 + samples]
    assert torch.equal(store.codes(row), codec.encode(Audio.single(wave, 8000)).codes[0])
    assert store.clips["recording"][row].as_py() == "b/long.wav"


def test_parameters_over_time_move_with_the_beginning(manifest: Manifest, tmp_path: Path) -> None:
    tracks = pa.table(
        {"path": ["b/long.wav"], "name": ["rate"], "rate": [4000.0], "values": [np.arange(2000.0)]},
        schema=pa.schema(
            [("path", pa.string()), ("name", pa.string()), ("rate", pa.float64()), ("values", pa.list_(pa.float32()))]
        ),
    )
    pq.write_table(tracks, manifest.root / "tracks.parquet")
    encode_store(Halves(), manifest, tmp_path / "store", shifts=3)
    store = Manifest(TokenStore.open(tmp_path / "store").clips, tmp_path / "store")
    assert store.track("b/long.wav")["rate"][1][0] == 0
    assert store.track("b/long.wav@2")["rate"][1][0] == 1  # two samples at 8 kHz are one value at 4 kHz
    assert store.track("a/middle.flac") == {}


def test_a_clip_that_is_not_what_the_manifest_says_is_listed_and_left_out(manifest: Manifest, tmp_path: Path) -> None:
    (manifest.root / "a/short.wav").write_text("no sound")
    write(manifest.root / "b/long.wav", Audio.single(torch.zeros(3000), 8000))
    report = encode_store(MuLaw(), manifest, tmp_path / "store")
    assert [one["path"] for one in report.failed] == ["a/short.wav", "b/long.wav"]
    assert "its manifest says 0.500 s" in report.failed[1]["reason"]
    assert TokenStore.open(tmp_path / "store").clips["path"].to_pylist() == ["a/middle.flac"]
    assert report.files == 1 and report.audio_seconds == pytest.approx(0.312)


def test_a_manifest_without_lengths_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="smalti prepare"):
        encode_store(MuLaw(), Manifest(manifest.table.drop_columns(["seconds"]), manifest.root), tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_store_keeps_what_hearing_it_again_needs(manifest: Manifest, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.toml").write_text('system = "mulaw"\n')
    (run / "metrics.jsonl").write_text("{}\n")
    encode_store(MuLaw(), manifest, tmp_path / "store", run=run)
    assert contents(tmp_path / "store" / "tokenizer") == {"config.toml": b'system = "mulaw"\n'}


def test_a_decoded_store_has_the_length_of_its_recordings(manifest: Manifest, tmp_path: Path) -> None:
    encode_store(Halves(), manifest, tmp_path / "store", shifts=3)
    store = TokenStore.open(tmp_path / "store")
    report = decode_store(Halves(), store, tmp_path / "out")
    written = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.wav"))
    assert written == ["a/middle.flac.wav", "a/short.wav", "b/long.wav"] and report.files == 3
    lengths = dict(zip(store.clips["path"].to_pylist(), store.clips["samples"].to_pylist(), strict=True))
    assert int(read(tmp_path / "out/b/long.wav").lengths[0]) == lengths["b/long.wav"] == 4000


def test_tokens_of_another_codec_are_refused_before_anything_is_written(manifest: Manifest, tmp_path: Path) -> None:
    encode_store(Halves(), manifest, tmp_path / "store")
    with pytest.raises(SpecError, match="another tokenizer"):
        decode_store(MuLaw(), TokenStore.open(tmp_path / "store"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    shutil.rmtree(tmp_path / "store")
