"""What the query codec is given: strange sounds give finite ones, what is no sound is refused by name."""

from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import soundfile
import torch

from journey import Journey
from smalti.audio import read, write
from smalti.cli import run
from smalti.core import Audio, DataError, ParameterError, SpecError
from smalti.store import read_smt
from smalti.systems.almtokenizer import ALMTokenizer, ModelConfig, QueryNet
from smalti.systems.almtokenizer.config import CodesConfig, QueryNetConfig, SpectralEndsConfig
from smalti.transcode import decode_file, encode_file

RATE = 24_000
NARROW = QueryNetConfig(width=16, layers=1, heads=2, attention=16)
STRANGE = {
    "silence": torch.zeros(5000),
    "a constant": torch.full((5000,), 0.8),
    "one sample": torch.ones(1),
    "full scale": torch.ones(5000) - 2 * (torch.arange(5000) // 50 % 2),
    "far too loud": 1e6 * torch.randn(5000, generator=torch.Generator().manual_seed(0)),
    "far too faint": torch.full((5000,), 1e-38),
}


def codec(vocab: int = 32, codebooks: int = 3) -> ALMTokenizer:
    torch.manual_seed(0)
    ends = SpectralEndsConfig(bands=20, width=12, hidden=16, blocks=1)
    codes = CodesConfig(vocab=vocab, dim=6, codebooks=codebooks)
    return ALMTokenizer(QueryNet(ModelConfig(ends=ends, encoder=NARROW, decoder=NARROW, codes=codes)).eval())


@pytest.fixture(scope="module")
def alm() -> ALMTokenizer:
    return codec()


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_sounds_give_finite_ones_of_their_length(kind: str, alm: ALMTokenizer) -> None:
    heard = alm.decode(alm.encode(Audio.single(STRANGE[kind], RATE)))
    assert heard.samples.shape == (1, len(STRANGE[kind])) and bool(heard.samples.isfinite().all())
    assert bool(alm.embed(Audio.single(STRANGE[kind], RATE)).frames.isfinite().all())


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf, 1e30])
def test_what_is_no_sound_is_refused_with_its_place_and_a_stream_hears_none_of_it(
    wrong: float, alm: ALMTokenizer
) -> None:
    samples = torch.zeros(2, 5000)
    samples[1, 3600] = wrong
    with pytest.raises(DataError, match=r"sample at 0\.150 s of item 1 is (nan|-?inf|1e\+30), which is no sound"):
        alm.encode(Audio(samples, RATE, torch.tensor([5000, 5000])))
    stream = alm.encoder_stream()
    before = [stream.push(torch.zeros(3000))]
    with pytest.raises(DataError, match=r"sample at 0\.150 s is"):
        stream.push(samples[1, 3000:])
    rest = torch.cat([*before, stream.push(torch.zeros(2000)), stream.flush()], dim=1)
    assert torch.equal(rest, alm.encode(Audio.single(torch.zeros(5000), RATE)).codes[0])


def test_what_lies_behind_an_item_may_be_anything(alm: ALMTokenizer) -> None:
    samples = torch.full((1, 5000), torch.nan)
    samples[0, :2000] = 0.1
    alone = alm.encode(Audio.single(torch.full((2000,), 0.1), RATE))
    assert torch.equal(alm.encode(Audio(samples, RATE, torch.tensor([2000]))).codes[:, :, :2], alone.codes)


def test_other_rates_and_channels_are_refused_by_name(alm: ALMTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match="audio is at 16000 Hz, this codec at 24000 Hz; resample"):
        alm.encode(Audio.single(torch.zeros(100), 16_000))
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as outside of tests
    with pytest.raises(ParameterError, match=r"\[1, 2, 100\], wanted \[batch, sample\] of one channel"):
        Audio(torch.zeros(1, 2, 100), RATE, torch.tensor([2]))
    with pytest.raises(ParameterError, match=r"\[2, 100\], wanted samples of one channel"):
        alm.encoder_stream().push(torch.zeros(2, 100))


@pytest.mark.parametrize(("window", "codebooks"), [(2, 3), (6, 3), (10, 3), (6, 1)])
def test_a_file_costs_what_its_rate_says_and_comes_back_whole(window: int, codebooks: int, tmp_path: Path) -> None:
    view = codec(vocab=2048).at(window=window, codebooks=codebooks)
    seconds, samples = 60, 60 * 44_100 + 11
    wave = 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(0))
    write(tmp_path / "a.wav", Audio.single(wave, 44_100))
    report = encode_file(view, tmp_path / "a.wav", tmp_path / "a.smt")
    assert report.bitrate == view.spec.bitrate == pytest.approx(75 / window * codebooks * 11)
    header = 300
    assert (tmp_path / "a.smt").stat().st_size <= 1.02 * view.spec.bitrate * seconds / 8 + header
    original, found = read(tmp_path / "a.wav", sample_rate=RATE), read_smt(tmp_path / "a.smt")
    assert torch.equal(found.codes, view.encode(original).codes)
    decode_file(view, tmp_path / "a.smt", tmp_path / "b.wav")
    heard = read(tmp_path / "b.wav")
    assert torch.equal(heard.lengths, original.lengths)
    assert (heard.samples - view.decode(found).samples.clamp(-1, 1)).abs().max() <= 1e-4


FILES = {
    "silence": (np.zeros(9000), RATE),
    "a constant": (np.full(9000, 0.5), RATE),
    "one sample": (np.ones(1), RATE),
    "another rate": (0.1 * np.sin(np.arange(20_000)), 44_100),
    "two channels": (0.1 * np.random.default_rng(0).standard_normal((9000, 2)), RATE),
}


@pytest.mark.parametrize("kind", FILES)
def test_any_recording_goes_through_the_command_line(kind: str, journey: Journey, tmp_path: Path) -> None:
    samples, rate = FILES[kind]
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    given, there, back = (str(tmp_path / name) for name in ("a.wav", "a.smt", "b.wav"))
    assert run(["encode", str(journey.alm), given, "window=3", "codebooks=1", "--to", there]) == 0
    assert run(["decode", str(journey.alm), there, "--to", back]) == 0
    heard, wanted = read(back), read(given, sample_rate=RATE)
    assert heard.sample_rate == RATE and torch.equal(heard.lengths, wanted.lengths)
    assert bool(heard.samples.isfinite().all())
    assert read_smt(tmp_path / "a.smt").spec.hop == 960


def test_a_recording_that_is_no_sound_is_refused_and_leaves_nothing(
    journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = np.zeros(9000, np.float32)
    samples[1200] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    assert run(["encode", str(journey.alm), str(tmp_path / "a.wav"), "--to", str(tmp_path / "a.smt")]) == 2
    assert "a.wav" in (said := capsys.readouterr().err) and "0.050 s is nan, which is no sound" in said
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
