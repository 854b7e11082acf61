"""Clusters of an encoder's frames as a run: learnt in mini-batches, kept with the encoder, used as tokens and prior."""

from pathlib import Path

import pytest
import torch

from journey import TINY_KMEANS, TINY_LM, Journey
from smalti.cli import run
from smalti.core import ParameterError, SpecError, StoreError
from smalti.generate import Sampling
from smalti.quantize import KMeansTokenizer, MiniBatchKMeans
from smalti.systems.generation import generate
from smalti.systems.registry import load_encoder, load_tokenizer
from smalti.systems.training import train
from smalti.systems.transcoding import encode
from smalti.train.prior import load_prior


def test_the_run_is_the_clusters_of_its_encoder(journey: Journey):
    prior, tokenizer = load_prior(journey.kmeans), load_tokenizer(journey.kmeans)
    assert isinstance(tokenizer, KMeansTokenizer)
    encoder = load_encoder("log-mel")
    assert prior.centres.shape == (11, encoder.dim) and prior.name == "log-mel"
    assert prior.tokenizer(encoder).spec == tokenizer.spec


def test_looking_at_clusters_changes_nothing_and_a_copy_goes_on_the_same():
    points = torch.randn(7, 60, 5, generator=torch.Generator().manual_seed(0))
    one, two = MiniBatchKMeans(4, seed=3), MiniBatchKMeans(4, seed=3)
    for place, batch in enumerate(points):
        one.push(batch)
        one.centres()
        if place == 2:
            state = one.state_dict()
            two.load_state_dict(state)
        if place > 2:
            two.push(batch)
    assert torch.equal(one.centres(), two.centres())


def test_a_language_model_learns_of_clusters_and_cannot_be_heard(journey: Journey, tmp_path: Path):
    encode(journey.kmeans, data=journey.sounds, to=tmp_path / "tokens")
    for preset, more in (("synthformer/tiny", []), ("melgpt/tiny", ["model.positions=rotary"])):
        out = tmp_path / preset.replace("/", "-")
        train(preset, data=tmp_path / "tokens", out=out, overrides=[*TINY_LM, *more], progress=False)
        with pytest.raises(SpecError, match="cannot be heard"):
            generate(out, to=tmp_path / "made.wav", seconds=1.0, sampling=Sampling())


def test_other_clusters_have_other_tokens_and_another_encoder_is_refused(journey: Journey, tmp_path: Path):
    more = [*TINY_KMEANS, "train.seed=1"]
    train("kmeans", data=journey.sounds, out=tmp_path / "run", overrides=more, progress=False)
    assert load_tokenizer(tmp_path / "run").spec.tokenizer != load_tokenizer(journey.kmeans).spec.tokenizer
    config = tmp_path / "run" / "config.toml"
    config.write_text(config.read_text().replace('"log-mel"', f'"{journey.alm}"'))
    with pytest.raises(StoreError, match="clusters frames of"):
        load_tokenizer(tmp_path / "run")


def test_what_cannot_be_clustered_is_refused(journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(ParameterError, match="clusters nothing"):
        train("vocoder/tiny", data=journey.sounds, out=tmp_path / "a", encoder="log-mel")
    with pytest.raises(ParameterError, match="layer"):
        train("kmeans", data=journey.sounds, out=tmp_path / "b", overrides=["model.layer=3"])
    many = ["train", "kmeans", "--data", str(journey.sounds), "--out", str(tmp_path / "c"), "--encoder", "log-mel"]
    assert run([*many, "model.vocab=9999", "train.steps=1"]) == 2
    assert "9999 centres" in capsys.readouterr().err
