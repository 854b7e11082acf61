"""A codec of several rates behind every verb: a rate is asked for by name, tokens find theirs by their spec."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from journey import TINY_LM, Journey
from smalti.audio import read
from smalti.cli import run
from smalti.config import load_settings, to_toml
from smalti.core import Audio, CodecViews, ParameterError, SpecError, fitted
from smalti.store import read_smt, save_weights
from smalti.systems import load_codec
from smalti.systems.almtokenizer import ALMTokenizerConfig, QueryNet
from smalti.systems.hearing import Heard, View

SMALL = (
    "model.ends=spectral",
    "model.ends.bands=8",
    "model.ends.width=8",
    "model.ends.hidden=8",
    "model.ends.blocks=1",
    "model.encoder.width=8",
    "model.encoder.layers=1",
    "model.encoder.heads=2",
    "model.decoder.width=8",
    "model.decoder.layers=1",
    "model.decoder.heads=2",
    "model.codes.vocab=16",
    "model.codes.dim=4",
)
RATE = 24000


@pytest.fixture
def codec(tmp_path: Path) -> Path:
    """A run that has learnt nothing."""
    torch.manual_seed(0)
    config = load_settings(ALMTokenizerConfig, "", SMALL)
    folder = tmp_path / "codec"
    folder.mkdir()
    (folder / "config.toml").write_text(to_toml(config), "utf-8")
    save_weights(folder / "weights.safetensors", QueryNet(config.model).state_dict(), {})
    return folder


@pytest.fixture
def clip(journey: Journey) -> Path:
    return journey.sounds / "rain" / "rain-0000.flac"


def smalti(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    code = run([*map(str, arguments), "--json"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    return json.loads(shown.out)


def test_tokens_find_the_view_that_made_them(codec: Path) -> None:
    alm = load_codec(codec)
    assert isinstance(alm, CodecViews)
    for window in alm.windows:
        for codebooks in (1, 2, 3):
            view = alm.at(window=window, codebooks=codebooks)
            assert fitted(alm, view.spec).spec == view.spec
    assert alm.at(window=2).spec.tokenizer == alm.spec.tokenizer == load_codec(codec).spec.tokenizer


def test_tokens_of_a_rate_that_is_not_there_or_of_another_net_are_refused(codec: Path) -> None:
    alm = load_codec(codec)
    with pytest.raises(SpecError, match=r"hop 3840 and 2 codebooks, wanted a hop of 2…10 times 320 and 1…3"):
        fitted(alm, replace(alm.spec, hop=12 * 320, codebooks=2))
    with pytest.raises(SpecError, match="hop 650 and"):
        fitted(alm, replace(alm.spec, hop=650))
    with pytest.raises(SpecError, match="4 codebooks, wanted"):
        fitted(alm, replace(alm.spec, codebooks=4))
    with pytest.raises(SpecError, match="tokenizer found elsewhere"):
        fitted(alm, replace(alm.spec, tokenizer="elsewhere"))


def test_a_view_of_nothing_is_refused_and_not_taken_for_the_default(codec: Path) -> None:
    alm = load_codec(codec)
    assert isinstance(alm, CodecViews)
    with pytest.raises(ParameterError, match="window 0"):
        alm.at(window=0)
    with pytest.raises(ParameterError, match="0 codebooks"):
        alm.at(codebooks=0)


def test_a_codec_of_one_rate_takes_no_keys() -> None:
    with pytest.raises(SpecError, match=r"mulaw is a codec of one rate, found window=3 codebooks=1"):
        load_codec(Heard("mulaw", view=View(window=3, codebooks=1)))


def test_a_file_is_made_at_a_rate_and_heard_at_it(
    codec: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = smalti(capsys, "encode", codec, clip, "--to", tmp_path / "a.smt", "window=3", "codebooks=2")
    assert found["bitrate"] == pytest.approx(75 / 3 * 2 * 4)
    tokens = read_smt(tmp_path / "a.smt")
    assert (tokens.spec.hop, tokens.spec.codebooks) == (960, 2)
    smalti(capsys, "decode", codec, tmp_path / "a.smt", "--to", tmp_path / "a.wav")
    sound = read(clip, sample_rate=RATE)
    assert read(tmp_path / "a.wav").lengths.tolist() == sound.lengths.tolist()
    view = load_codec(Heard(codec, view=View(window=3, codebooks=2)))
    wanted = view.decode(view.encode(sound)).samples
    torch.testing.assert_close(read(tmp_path / "a.wav").samples, wanted, rtol=0, atol=1e-4)
    shown = smalti(capsys, "show", tmp_path / "a.smt")
    assert shown["file_bitrate"] >= shown["spec"]["bitrate"]


def test_a_recording_is_tried_at_a_rate(
    codec: Path, clip: Path, journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = smalti(capsys, "reconstruct", codec, clip, "window=10", "--to", tmp_path / "heard", "codebooks=1")
    assert found["bitrate"] == pytest.approx(30) and len(found["perplexity"]) == 1
    found = smalti(capsys, "evaluate", "codec", codec, "--data", journey.sounds, "window=2")
    assert found["bitrate"] == pytest.approx(450)


def test_a_run_shows_all_its_rates_and_a_recording_at_one(
    codec: Path, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = smalti(capsys, "show", codec)
    assert [row["window"] for row in shown["rates"]] == list(range(2, 11))
    assert shown["rates"][4] == {"window": 6, "frame_rate": 12.5, "bitrate_1": 50, "bitrate_2": 100, "bitrate_3": 150}
    shown = smalti(capsys, "show", codec, clip, "window=2", "codebooks=1")
    assert shown["audio"]["bitrate"] == shown["spec"]["bitrate"] == 150
    assert shown["audio"]["whole"]["frames"] == 30


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("windw=3", "did you mean window?"),
        ("window=11", "window 11 is outside 2…10"),
        ("window=0", "window: found 0"),
        ("codebooks=4", "found 4 codebooks, this codec has 1…3"),
        ("window=two", "window: found 'two'"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    codec: Path, clip: Path, journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str, said: str
) -> None:
    for verb in (
        ["encode", codec, clip, given, "--to", tmp_path / "a.smt"],
        ["reconstruct", codec, clip, given, "--to", tmp_path / "a"],
        ["evaluate", "codec", codec, "--data", journey.sounds, given],
        ["show", codec, given],
    ):
        assert run([*map(str, verb)]) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "a.smt").exists() and not (tmp_path / "a").exists()


def test_a_recording_whose_name_looks_like_a_key_is_a_recording(
    codec: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(clip, tmp_path / "window=3.flac")
    assert smalti(capsys, "encode", codec, "window=3.flac", "--to", tmp_path / "a.smt")["files"] == 1


def test_a_language_model_of_one_view_makes_its_tokens_sound(
    codec: Path, clip: Path, journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, lm = tmp_path / "tokens", tmp_path / "lm"
    smalti(capsys, "encode", codec, "--data", journey.sounds, "--to", store, "window=3", "codebooks=2")
    assert smalti(capsys, "show", store)["spec"]["hop"] == 960
    assert smalti(capsys, "verify", store)["damaged"] == []
    found = smalti(capsys, "decode", codec, store, "--to", tmp_path / "heard")
    assert found["bitrate"] == pytest.approx(200) and found["files"] == 12
    smalti(capsys, "train", "synthformer/tiny", "--data", store, "--out", lm, *TINY_LM)
    asked = ("--label", "rain", "--seconds", 0.5, "--prompt", clip)
    found = smalti(capsys, "generate", lm, *asked, "--to", tmp_path / "o.wav")
    assert found["bitrate"] == pytest.approx(200)
    assert read(tmp_path / "o.wav").sample_rate == RATE
    assert smalti(capsys, "show", lm)["spec"]["codebooks"] == 2
    assert smalti(capsys, "verify", lm)["damaged"] == []
    smalti(capsys, "generate", lm, "--seconds", 0.5, "--to", tmp_path / "o.smt")
    smalti(capsys, "decode", lm / "tokenizer", tmp_path / "o.smt", "--to", tmp_path / "p.wav")
    assert Audio.single(read(tmp_path / "p.wav").samples[0], RATE).seconds == pytest.approx(0.5)
    scores = smalti(capsys, "evaluate", "generation", lm, "--clips", 2, "--seconds", 0.5, "--data", journey.sounds)
    assert scores["clips"] > 0


def test_a_model_that_is_heard_while_it_learns_hears_its_view(
    codec: Path, journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "tokens"
    smalti(capsys, "encode", codec, "--data", journey.sounds, "--to", store, "window=5", "codebooks=1")
    rows = "model.positions=rotary"
    found = smalti(capsys, "train", "melgpt/tiny", "--data", store, "--out", tmp_path / "gpt", *TINY_LM, rows)
    assert found["steps"] == 6


def test_another_codec_in_the_run_is_found_out(
    codec: Path, journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "tokens"
    smalti(capsys, "encode", codec, "--data", journey.sounds, "--to", store, "window=4")
    torch.manual_seed(1)
    config = load_settings(ALMTokenizerConfig, "", SMALL)
    save_weights(store / "tokenizer" / "weights.safetensors", QueryNet(config.model).state_dict(), {})
    assert run(["verify", str(store), "--json"]) == 1
    assert "belong to another tokenizer: tokenizer found" in json.loads(capsys.readouterr().out)["damaged"][0]
