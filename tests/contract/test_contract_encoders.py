"""The exam of every encoder: one frame for every hop begun, alone as in a batch, whatever the sound."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch

from journey import Journey
from smalti.config import to_toml
from smalti.core import Audio, Encoder, LayeredEncoder, SpecError
from smalti.store import save_weights
from smalti.systems.matpac import EncoderNet, MatpacConfig, ModelConfig
from smalti.systems.matpac.config import EncoderConfig
from smalti.systems.registry import load_encoder

ENCODERS: dict[str, Callable[[Journey, Path], Path | str]] = {
    "log-mel": lambda journey, folder: "log-mel",
    "almtokenizer": lambda journey, folder: journey.alm,
    "matpac": lambda journey, folder: _matpac(folder),
    "matpac bf16": lambda journey, folder: _matpac(folder, width=128, precision="bf16"),
}


def _matpac(folder: Path, *, width: int = 12, precision: Literal["fp32", "bf16"] = "fp32") -> Path:
    torch.manual_seed(0)
    sizes = EncoderConfig(patch=(16, 4), chunk=40, width=width, layers=2, heads=width // 4)
    model = ModelConfig(encoder=sizes, precision=precision)
    (folder / "config.toml").write_text(to_toml(MatpacConfig(model=model)))
    save_weights(folder / "weights.safetensors", EncoderNet(model).state_dict(), {"system": "matpac"})
    return folder


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request: pytest.FixtureRequest, journey: Journey, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(ENCODERS[request.param](journey, tmp_path_factory.mktemp("encoder")))


def sound(encoder: Encoder, samples: int) -> Audio:
    """Noise that grows, a function of its length."""
    generator = torch.Generator().manual_seed(samples)
    wave = torch.randn(samples, generator=generator) * torch.linspace(0.01, 0.3, max(samples, 1))[:samples]
    return Audio.single(wave, encoder.sample_rate)


def lengths(encoder: Encoder) -> list[int]:
    hop = encoder.hop
    return sorted({1, max(1, hop - 1), hop, hop + 1, 7 * hop + 3, 13 * hop})


def test_every_hop_begun_has_a_frame(encoder: Encoder):
    for samples in lengths(encoder):
        heard = encoder.embed(sound(encoder, samples))
        assert heard.lengths.tolist() == [-(-samples // encoder.hop)]
        assert heard.frames.shape[1:] == (int(heard.lengths[0]), encoder.dim)


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (5, 3, 1, 0, 4, 2), (2, 2, 0, 5)])
def test_an_item_alone_equals_the_item_in_any_batch(encoder: Encoder, order: tuple[int, ...]):
    found = lengths(encoder)
    items = [sound(encoder, found[i % len(found)]) for i in order]
    together = encoder.embed(Audio.batch(items))
    for item, frames, length in zip(items, together.frames, together.lengths.tolist(), strict=True):
        alone = encoder.embed(item)
        assert alone.lengths.tolist() == [length]
        torch.testing.assert_close(frames[:length], alone.frames[0], rtol=0, atol=1e-4)


def test_what_lies_behind_an_item_never_matters(encoder: Encoder):
    batch = Audio.batch([sound(encoder, encoder.hop + 1), sound(encoder, 9 * encoder.hop)])
    dirty = batch.samples.clone()
    dirty[0, encoder.hop + 1 :] = 0.7
    found = encoder.embed(Audio(dirty, batch.sample_rate, batch.lengths))
    torch.testing.assert_close(found.frames[0, :2], encoder.embed(batch).frames[0, :2], rtol=0, atol=1e-4)


def test_silence_a_constant_and_one_sample_are_heard_as_numbers(encoder: Encoder):
    for wave in (torch.zeros(5000), torch.full((5000,), 0.5), torch.ones(1)):
        assert encoder.embed(Audio.single(wave, encoder.sample_rate)).frames.isfinite().all()


def test_an_item_without_sound_has_no_frames(encoder: Encoder):
    heard = encoder.embed(Audio.batch([sound(encoder, 0), sound(encoder, 2 * encoder.hop)]))
    assert heard.lengths.tolist() == [0, 2]


def test_sound_of_another_rate_is_refused(encoder: Encoder):
    with pytest.raises(SpecError, match="resample it first"):
        encoder.embed(Audio.single(torch.zeros(5000), encoder.sample_rate + 1))


def test_an_encoder_of_several_layers_gives_each_as_the_view_of_it_does(encoder: Encoder):
    if not isinstance(encoder, LayeredEncoder):
        pytest.skip("has one layer")
    item = sound(encoder, 5 * encoder.hop + 3)
    layers = encoder.embed_layers(item)
    assert len(layers) == encoder.layers
    torch.testing.assert_close(layers[-1].frames, encoder.embed(item).frames)
    for layer, heard in enumerate(layers, start=1):
        torch.testing.assert_close(encoder.at_layer(layer).embed(item).frames, heard.frames, rtol=0, atol=1e-4)
