"""HEAR's interface over any encoder: sizes as promised, times in the middle of hops, sounds as they are alone."""

from pathlib import Path

import pytest
import torch
from torch import nn

from smalti.config import to_toml
from smalti.core import SpecError
from smalti.store import save_weights
from smalti.systems.hear import get_scene_embeddings, get_timestamp_embeddings, load_model
from smalti.systems.matpac import EncoderNet, MatpacConfig, ModelConfig
from smalti.systems.matpac.config import EncoderConfig


@pytest.fixture(params=["log-mel", "matpac"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "log-mel":
        return "log-mel"
    torch.manual_seed(0)
    model = ModelConfig(encoder=EncoderConfig(patch=(16, 4), chunk=40, width=12, layers=2, heads=3))
    (tmp_path / "config.toml").write_text(to_toml(MatpacConfig(model=model)))
    save_weights(tmp_path / "weights.safetensors", EncoderNet(model).state_dict(), {"system": "matpac"})
    return str(tmp_path)


def sounds(samples: int = 5000) -> torch.Tensor:
    return 0.1 * torch.randn(3, samples, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("pool", ["mean", "mean+std", "max"])
def test_embeddings_have_the_sizes_that_the_model_promises(run: str, pool: str):
    model = load_model(run, pool=pool)
    assert isinstance(model, nn.Module)
    assert get_scene_embeddings(sounds(), model).shape == (3, model.scene_embedding_size)
    frames, times = get_timestamp_embeddings(sounds(), model)
    assert frames.shape == (3, times.shape[1], model.timestamp_embedding_size) and times.shape[0] == 3


def test_times_are_the_middles_of_hops_in_milliseconds(run: str):
    model = load_model(run)
    hop = 1000 * model.encoder.hop / model.sample_rate
    _, times = get_timestamp_embeddings(sounds(), model)
    torch.testing.assert_close(times[1], hop / 2 + hop * torch.arange(-(-5000 // model.encoder.hop)))


def test_a_scene_is_the_mean_and_deviation_of_its_frames(run: str):
    model = load_model(run)
    frames, _ = get_timestamp_embeddings(sounds(), model)
    wanted = torch.cat([frames.mean(1), frames.std(1, unbiased=False)], 1)
    torch.testing.assert_close(get_scene_embeddings(sounds(), model), wanted)


def test_a_sound_alone_gives_what_it_gives_among_others(run: str):
    model = load_model(run)
    alone = get_scene_embeddings(sounds()[1:2], model)
    torch.testing.assert_close(get_scene_embeddings(sounds(), model)[1:2], alone, rtol=0, atol=1e-5)


def test_a_net_moves_with_the_model(tmp_path: Path):
    """As heareval moves it to a GPU; here to another type of number."""
    model = ModelConfig(encoder=EncoderConfig(patch=(80, 4), chunk=40, width=12, layers=1, heads=3))
    (tmp_path / "config.toml").write_text(to_toml(MatpacConfig(model=model)))
    save_weights(tmp_path / "weights.safetensors", EncoderNet(model).state_dict(), {"system": "matpac"})
    heard = load_model(tmp_path).to(torch.float64)
    assert {value.dtype for value in heard.parameters()} == {torch.float64}


def test_what_is_no_encoder_is_refused():
    with pytest.raises(SpecError, match="wanted an encoder"):
        load_model("mulaw")
