"""`.dac` files through the doors: level, length and rate of the sound come back, other codes are refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from journey import TINY_DAC
from smalti.audio import at_loudness, loudness, read, resample, write
from smalti.cli import run as smalti
from smalti.config import load_settings, to_toml
from smalti.core import Audio, DataError, ParameterError, SpecError, StoreError, Tokens
from smalti.store import DacFile, read_dac, save_weights, write_dac
from smalti.systems.dac import DAC, DACConfig, DACNet, load_dac
from smalti.systems.hearing import Heard, View
from smalti.systems.registry import load_codec
from smalti.systems.show import show
from smalti.systems.transcoding import decode, encode
from smalti.train import RunFolder
from smalti.transcode import decode_dac, encode_dac

HOP, RATE = 80, 16_000
WINDOW = 0.3  # seconds


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dac run that has learnt nothing."""
    folder = tmp_path_factory.mktemp("dac") / "run"
    config = load_settings(DACConfig, "", TINY_DAC)
    made = RunFolder.start(folder, to_toml(config))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_weights(made.weights_path, DACNet(config.model).state_dict(), {"system": config.system})
    return folder


@pytest.fixture(scope="module")
def codec(run: Path) -> DAC:
    return load_dac(run)


def sound_of(samples: int, sample_rate: int, *, level: float = -30.0) -> Audio:
    time = torch.arange(samples) / sample_rate
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(1))
    wave = (1 + (7 * time).sin()) * ((2 * torch.pi * 300 * time).sin() + 0.1 * noise)
    return Audio.single(at_loudness(wave[None], sample_rate, level)[0], sample_rate)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """1.03 seconds at another rate than the codec's."""
    write(tmp_path / "a.wav", sound_of(22_713, 22_050))
    return tmp_path / "a.wav"


def clip_of(frames: int, **facts: Any) -> DacFile:
    codebooks, channels = facts.pop("codebooks", 3), facts.get("channels", 1)
    codes = torch.randint(11, (channels, codebooks, frames), generator=torch.Generator().manual_seed(2))
    own = {"sample_rate": RATE, "original_length": frames * HOP, "chunk_length": frames, "input_db": -30.0}
    return DacFile(**own | facts | {"codes": codes})


@pytest.mark.parametrize("window", [None, WINDOW])
@pytest.mark.parametrize(("samples", "sample_rate"), [(22_713, 22_050), (16_001, RATE), (1, RATE)])
def test_length_and_rate_come_back(
    run: Path, tmp_path: Path, window: float | None, samples: int, sample_rate: int
) -> None:
    write(tmp_path / "a.wav", sound_of(samples, sample_rate))
    encode(run, [tmp_path / "a.wav"], to=tmp_path / "x.dac", window=window)
    decode(run, tmp_path / "x.dac", to=tmp_path / "y.wav")
    found = read(tmp_path / "y.wav")
    assert (found.samples.shape[1], found.sample_rate) == (samples, sample_rate)


@pytest.mark.parametrize("level", [-30.0, -45.0])
def test_the_level_comes_back(run: Path, tmp_path: Path, level: float) -> None:
    write(tmp_path / "a.wav", sound_of(12_000, RATE, level=level))
    encode(run, [tmp_path / "a.wav"], to=tmp_path / "x.dac")
    decode(run, tmp_path / "x.dac", to=tmp_path / "y.wav")
    assert loudness(read(tmp_path / "y.wav").samples, RATE) == pytest.approx(level, abs=0.05)


def test_codes_are_those_of_the_sound_at_its_own_level(codec: DAC, recording: Path, tmp_path: Path) -> None:
    report = encode_dac(codec, recording, tmp_path / "x.dac")
    clip = read_dac(tmp_path / "x.dac", vocab=11)
    heard = resample(read(recording), RATE)
    loud = at_loudness(heard.samples, RATE, -16.0)
    assert torch.equal(clip.codes, codec.encode(Audio.single(loud[0], RATE)).codes)
    assert clip.input_db == pytest.approx(loudness(heard.samples, RATE), abs=1e-4)
    assert (clip.sample_rate, clip.original_length, clip.channels, clip.padding) == (22_050, 22_713, 1, True)
    assert clip.chunk_length == clip.codes.shape[2] == codec.spec.frames(heard.samples.shape[1])
    assert report.input_db == pytest.approx(clip.input_db) and (report.codebooks, report.chunks) == (3, 1)
    assert report.audio_seconds == clip.seconds
    assert report.bitrate == pytest.approx(codec.spec.bitrate, rel=0.01)


def test_peaks_are_kept_below_full_scale_when_sound_is_made_louder(codec: DAC, tmp_path: Path) -> None:
    clicks = torch.zeros(16_000)
    clicks[::1600] = 0.5
    write(tmp_path / "a.wav", Audio.single(clicks, RATE))
    encode_dac(codec, tmp_path / "a.wav", tmp_path / "x.dac")
    limited = read(tmp_path / "a.wav").samples[0]
    assert at_loudness(limited[None], RATE, -16.0).max() > 1
    expected = codec.encode(Audio.single(limited / limited.max(), RATE)).codes
    assert torch.equal(read_dac(tmp_path / "x.dac", vocab=11).codes, expected)


def test_windows_are_chunks_without_padding(codec: DAC, recording: Path, tmp_path: Path) -> None:
    encode_dac(codec, recording, tmp_path / "x.dac", window=WINDOW)
    clip = read_dac(tmp_path / "x.dac", vocab=11)
    loud = at_loudness(resample(read(recording), RATE).samples, RATE, -16.0)[0]
    chunks = codec.encode_chunks(loud, seconds=WINDOW)
    assert not clip.padding and clip.chunks == len(chunks) > 2
    assert torch.equal(clip.codes[0].split(clip.chunk_length, dim=1)[1], chunks[1])
    decode_dac(codec, tmp_path / "x.dac", tmp_path / "y.wav")
    sound = at_loudness(codec.decode_chunks(chunks)[None], RATE, clip.input_db)[0]
    expected = resample(Audio.single(sound, RATE), 22_050).samples[0, :22_713]
    assert torch.allclose(read(tmp_path / "y.wav").samples[0], expected, atol=1e-4)


def test_a_sound_within_one_window_is_one_padded_chunk(codec: DAC, recording: Path, tmp_path: Path) -> None:
    encode_dac(codec, recording, tmp_path / "long.dac", window=2.0)
    encode_dac(codec, recording, tmp_path / "none.dac")
    assert (tmp_path / "long.dac").read_bytes() == (tmp_path / "none.dac").read_bytes()


def test_padded_chunks_are_decoded_one_by_one(codec: DAC, tmp_path: Path) -> None:
    clip = clip_of(90, chunk_length=45)
    write_dac(tmp_path / "x.dac", clip)
    decode_dac(codec, tmp_path / "x.dac", tmp_path / "y.wav")
    parts = [
        codec.decode(Tokens(part, codec.spec, torch.tensor([45 * HOP]))).samples for part in clip.codes.split(45, dim=2)
    ]
    expected = at_loudness(torch.cat(parts, dim=1), RATE, -30.0)
    assert torch.allclose(read(tmp_path / "y.wav").samples, expected, atol=1e-4)


def test_channels_are_mixed_at_the_level_of_all(codec: DAC, tmp_path: Path) -> None:
    clip = clip_of(60, channels=2)
    write_dac(tmp_path / "x.dac", clip)
    decode_dac(codec, tmp_path / "x.dac", tmp_path / "y.wav")
    lengths = torch.tensor([60 * HOP] * 2)
    both = at_loudness(codec.decode(Tokens(clip.codes, codec.spec, lengths)).samples, RATE, -30.0)
    assert torch.allclose(read(tmp_path / "y.wav").samples[0], both.mean(0), atol=1e-4)


def test_fewer_codebooks_are_those_of_a_view(run: Path, recording: Path, tmp_path: Path) -> None:
    encode(Heard(run, view=View(codebooks=2)), [recording], to=tmp_path / "two.dac")
    encode(run, [recording], to=tmp_path / "all.dac")
    two, all_three = (read_dac(tmp_path / name, vocab=11) for name in ("two.dac", "all.dac"))
    assert torch.equal(two.codes, all_three.codes[:, :2])
    decode(run, tmp_path / "two.dac", to=tmp_path / "y.wav")
    assert read(tmp_path / "y.wav").samples.shape[1] == 22_713


@pytest.mark.parametrize(
    ("clip", "error", "said"),
    [
        (clip_of(60, codebooks=4), SpecError, r"4 codebooks, wanted 1…3"),
        (replace(clip_of(60), codes=torch.full((1, 3, 60), 11)), StoreError, r"the code 11, wanted 0…10"),
        (clip_of(60, original_length=60 * 512), SpecError, r"1\.92 s of sound.*codes are 0\.30 s"),
        (clip_of(60, original_length=60 * 40), SpecError, r"name the run of the model"),
        (clip_of(60, chunk_length=5, padding=False), SpecError, r"a chunk of 5 frames gives no sound"),
        (clip_of(90, chunk_length=45, padding=False, original_length=90 * HOP), SpecError, r"name the run"),
    ],
)
def test_codes_of_another_model_are_refused_before_anything_is_written(
    codec: DAC, tmp_path: Path, clip: DacFile, error: type[Exception], said: str
) -> None:
    write_dac(tmp_path / "x.dac", clip)
    with pytest.raises(error, match=said):
        decode_dac(codec, tmp_path / "x.dac", tmp_path / "y.wav")
    assert not (tmp_path / "y.wav").exists()


def test_only_a_dac_has_dac_files(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no DAC"):
        encode_dac(load_codec("mulaw"), recording, tmp_path / "x.dac")
    assert not (tmp_path / "x.dac").exists()


def test_no_sound_several_sounds_and_windows_of_other_files_are_refused(run: Path, recording: Path) -> None:
    folder = recording.parent
    with pytest.raises(ParameterError, match="holds one recording"):
        encode(run, [recording, recording], to=folder / "x.dac")
    with pytest.raises(ParameterError, match="have chunks"):
        encode(run, [recording], to=folder / "x.smt", window=1.0)
    with pytest.raises(ParameterError, match="gives no sound without padding"):
        encode(run, [recording], to=folder / "x.dac", window=0.01)
    write(folder / "nothing.wav", Audio.single(torch.zeros(0), RATE))
    with pytest.raises(DataError):
        encode(run, [folder / "nothing.wav"], to=folder / "x.dac")
    assert not (folder / "x.dac").exists()


def test_the_command_line_encodes_shows_and_decodes(
    run: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, back = recording.with_name("x.dac"), recording.with_name("y.flac")

    def said(*words: object) -> dict[str, Any]:
        capsys.readouterr()
        assert smalti([*map(str, words), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    written = said("encode", run, recording, "--to", there, "--window", WINDOW)
    shown = said("show", there)
    heard = said("decode", run, there, "--to", back)
    assert written["chunks"] == shown["chunks"] == heard["chunks"] > 2
    assert (shown["kind"], shown["sample_rate"], shown["padding"]) == ("dac", 22_050, False)
    assert shown["original_length"] == read(back).samples.shape[1] == 22_713
    assert all("does not say which model" in each["warning"] for each in (written, shown, heard))
    assert show(there)["file_bitrate"] == pytest.approx(8 * there.stat().st_size * 22_050 / 22_713)
