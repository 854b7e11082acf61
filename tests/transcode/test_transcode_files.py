"""A recording and its token file: exact, in flat memory, and never half there."""

from pathlib import Path

import pytest
import torch
from transcode_fakes import Halves

from smalti.audio import read, write
from smalti.core import Audio, Codec, DataError, SpecError, StoreError, StreamingCodec
from smalti.evaluate import log_mel_l1_db
from smalti.store import read_smt
from smalti.systems.mulaw import MuLaw, MuLawConfig
from smalti.transcode import decode_file, encode_file, reconstruct
from smalti.transcode.names import wav_paths


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    wave = torch.rand(11_025 * 2 + 7, generator=torch.Generator().manual_seed(0)) - 0.5
    write(tmp_path / "noise.wav", Audio.single(wave, 11_025))
    return tmp_path / "noise.wav"


@pytest.mark.parametrize("codec", [MuLaw(), Halves()])
def test_a_file_encoded_in_blocks_equals_the_whole(codec: Codec, recording: Path, tmp_path: Path) -> None:
    report = encode_file(codec, recording, tmp_path / "a.smt")
    whole, found = codec.encode(read(recording, sample_rate=8000)), read_smt(tmp_path / "a.smt")
    assert found.spec == codec.spec
    assert torch.equal(found.codes, whole.codes) and torch.equal(found.lengths, whole.lengths)
    assert report.audio_seconds == int(whole.lengths[0]) / 8000
    assert report.bitrate == codec.spec.bitrate


@pytest.mark.parametrize("codec", [MuLaw(), Halves()])
def test_decoding_gives_back_exactly_the_samples_that_went_in(codec: Codec, recording: Path, tmp_path: Path) -> None:
    encode_file(codec, recording, tmp_path / "a.smt")
    decode_file(codec, tmp_path / "a.smt", tmp_path / "deep" / "a.wav")
    original, heard = read(recording, sample_rate=8000), read(tmp_path / "deep" / "a.wav")
    assert torch.equal(heard.lengths, original.lengths)
    whole = codec.decode(codec.encode(original)).samples
    assert (heard.samples - whole).abs().max() <= 1 / 32768


def test_only_one_of_the_two_codecs_streams() -> None:
    assert isinstance(MuLaw(), StreamingCodec) and not isinstance(Halves(), StreamingCodec)


def test_tokens_of_another_codec_are_refused_and_nothing_is_written(recording: Path, tmp_path: Path) -> None:
    encode_file(MuLaw(), recording, tmp_path / "a.smt")
    with pytest.raises(SpecError, match=r"a\.smt belong to another tokenizer"):
        decode_file(MuLaw(MuLawConfig(sample_rate=16_000)), tmp_path / "a.smt", tmp_path / "out" / "a.wav")
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_recording_leaves_no_tokens(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound")
    with pytest.raises(DataError, match=r"a\.wav"):
        encode_file(MuLaw(), tmp_path / "a.wav", tmp_path / "a.smt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_damaged_token_file_leaves_no_recording(recording: Path, tmp_path: Path) -> None:
    encode_file(MuLaw(), recording, tmp_path / "a.smt")
    data = bytearray((tmp_path / "a.smt").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.smt").write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        decode_file(MuLaw(), tmp_path / "a.smt", tmp_path / "a2.wav")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.smt", "noise.wav"]


@pytest.mark.parametrize("codec", [MuLaw(), Halves()])
def test_reconstruction_writes_and_measures_each_file(codec: Codec, recording: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("no sound")
    report = reconstruct(codec, [recording, tmp_path / "bad.wav"], tmp_path / "out")
    (one,) = report.per_file
    heard = read(one.to)
    assert torch.equal(heard.lengths, read(recording, sample_rate=8000).lengths)
    assert [Path(one["path"]).name for one in report.failed] == ["bad.wav"]
    assert len(report.perplexity) == len(report.codebook_usage) == codec.spec.codebooks
    assert report.to_json()["log_mel_l1_db"] == one.log_mel_l1_db > 0


def test_the_distance_of_a_file_is_the_yardstick_of_the_whole(recording: Path, tmp_path: Path) -> None:
    codec = MuLaw()
    (one,) = reconstruct(codec, [recording], tmp_path / "out").per_file
    original = read(recording, sample_rate=8000)
    whole = log_mel_l1_db(original.samples[0], codec.decode(codec.encode(original)).samples[0], 8000)
    assert one.log_mel_l1_db == pytest.approx(whole, rel=1e-6)


def test_nothing_but_bad_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("no sound")
    with pytest.raises(DataError, match=r"bad\.wav"):
        reconstruct(MuLaw(), [tmp_path / "bad.wav"], tmp_path / "out")


def test_results_keep_the_folders_in_which_their_sources_differ() -> None:
    found = wav_paths(Path("to"), ["x/dog/a.wav", "x/cat/b.ogg"])
    assert found == [Path("to/dog/a.wav"), Path("to/cat/b.ogg.wav")]


def test_no_name_leads_out_of_the_folder() -> None:
    assert wav_paths(Path("to"), ["../../etc/passwd", "/abs/x.wav"]) == [
        Path("to/etc/passwd.wav"),
        Path("to/abs/x.wav"),
    ]
