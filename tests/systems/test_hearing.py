"""Every verb that decodes can be told a vocoder: equal pictures fit, others need a bridge by its name."""

import json
import logging
from pathlib import Path

import pytest
import torch

from journey import Journey
from smalti.cli import run
from smalti.core import Audio, ParameterError, SpecError
from smalti.systems import load_codec
from smalti.systems.hearing import Heard
from smalti.systems.scores import score_codec, score_vocoder
from smalti.systems.transcoding import encode


def _sound() -> Audio:
    return Audio.single(0.1 * torch.randn(9000, generator=torch.Generator().manual_seed(0)), 22050)


def test_a_vocoder_of_the_same_picture_changes_the_sound_and_no_token(journey: Journey) -> None:
    plain, heard = load_codec(journey.grid_codec), load_codec(Heard(journey.grid_codec, journey.vocoder))
    assert heard.spec == plain.spec
    tokens = plain.encode(_sound())
    assert torch.equal(heard.encode(_sound()).codes, tokens.codes)
    first, second = plain.decode(tokens), heard.decode(tokens)
    assert first.samples.shape == second.samples.shape and not torch.equal(first.samples, second.samples)


def test_another_picture_is_refused_naming_both_unless_a_bridge_is_named(
    journey: Journey, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SpecError, match=r"found a vocoder of the picture specvqgan, wanted one of wide.*--bridge"):
        load_codec(Heard(journey.codec, journey.vocoder))
    with caplog.at_level(logging.WARNING, "smalti"):
        heard = load_codec(Heard(journey.codec, journey.vocoder, "magnitude"))
    assert "the codec draws wide and the vocoder hears specvqgan" in caplog.text
    audio = heard.decode(heard.encode(_sound()))
    assert audio.samples.shape == (1, 9000) and audio.samples.isfinite().all()


def test_what_cannot_be_is_refused(journey: Journey) -> None:
    with pytest.raises(ParameterError, match="did you mean 'magnitude'"):
        load_codec(Heard(journey.codec, journey.vocoder, "magnitudes"))
    with pytest.raises(SpecError, match="mulaw draws no mel pictures"):
        load_codec(Heard("mulaw", journey.vocoder))
    with pytest.raises(SpecError, match="is a codec, wanted a vocoder"):
        load_codec(Heard(journey.grid_codec, journey.codec))


def test_every_verb_that_decodes_takes_a_vocoder(journey: Journey, tmp_path: Path) -> None:
    clip = str(journey.sounds / "rain" / "rain-0000.flac")
    encode(journey.grid_codec, [clip], to=tmp_path / "a.smt")
    through = ["--vocoder", str(journey.vocoder)]
    assert (
        run(["decode", str(journey.grid_codec), str(tmp_path / "a.smt"), "--to", str(tmp_path / "a.wav"), *through])
        == 0
    )
    assert run(["reconstruct", str(journey.grid_codec), clip, "--to", str(tmp_path / "b"), *through]) == 0
    bridged = [*through, "--bridge", "magnitude"]
    assert run(["generate", str(journey.lm), "--seconds", "0.3", "--to", str(tmp_path / "c.wav"), *bridged]) == 0
    assert run(["generate", str(journey.lm), "--seconds", "0.3", "--to", str(tmp_path / "d.wav"), *through]) == 2
    assert run(["decode", str(journey.codec), str(tmp_path / "a.smt"), "--to", "x.wav", "--bridge", "magnitude"]) == 2
    assert (tmp_path / "a.wav").is_file() and (tmp_path / "c.wav").is_file() and not (tmp_path / "d.wav").exists()


def test_scores_of_codec_and_vocoder_know_what_is_heard(journey: Journey, capsys: pytest.CaptureFixture[str]) -> None:
    plain = score_codec(journey.grid_codec, journey.sounds, split="test")
    heard = score_codec(Heard(journey.grid_codec, journey.vocoder), journey.sounds, split="test")
    assert plain["perplexity"] == heard["perplexity"] and plain["log_mel_l1_db"] != heard["log_mel_l1_db"]
    assert run(["evaluate", "vocoder", str(journey.vocoder), "--data", str(journey.sounds), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    names = {"picture_l1_db", "log_mel_l1_db", "multi_resolution_stft", "real_time_factor"}
    assert told["parameter_count"] > 0 and names <= told.keys() and names == told["peers"]["griffin_lim"].keys()
    again = score_vocoder(journey.vocoder, journey.sounds)
    assert again["picture_l1_db"] == told["picture_l1_db"] and again["files"] == told["files"] == len(told["per_file"])
