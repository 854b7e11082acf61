"""MATPAC hears recordings of any length in any company as it hears each alone, chunk by chunk."""

import logging
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from smalti.config import to_toml
from smalti.core import Audio, Encoder, LayeredEncoder, ParameterError, StoreError
from smalti.features import SILENCE, power_log_mel
from smalti.store import save_weights
from smalti.systems.matpac import EncoderNet, MatpacConfig, MatpacEncoder, ModelConfig, load_matpac
from smalti.systems.matpac.config import EncoderConfig
from smalti.systems.matpac.hearing import picture_of

WHOLE = EncoderConfig(patch=(80, 4), chunk=40, width=24, layers=3, heads=2)
MICRO = EncoderConfig(patch=(80, 4), chunk=96, width=128, layers=4, heads=4, class_token=False)
SQUARE = EncoderConfig(patch=(16, 16), chunk=48, width=16, layers=2, heads=2, class_token=False)


def encoder(sizes: EncoderConfig = WHOLE, **words: str) -> MatpacEncoder:
    torch.manual_seed(0)
    net = EncoderNet(ModelConfig.model_validate({"encoder": sizes, **words}))
    net.statistics.copy_(torch.tensor([-7.0, 4.0]))
    return MatpacEncoder(net.eval())


def noise(samples: int) -> Audio:
    return Audio.single(0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(samples)), 16000)


@torch.no_grad()
def by_hand(ears: MatpacEncoder, samples: torch.Tensor) -> torch.Tensor:
    """One chunk after another, each alone."""
    config = ears.net.config
    picture = picture_of(ears.net, samples)[None]
    heard = [
        ears.net.by_time(ears.net.encode(ears.net.tokens(part))) for part in picture.split(config.encoder.chunk, 2)
    ]
    return torch.cat(heard, 1)[0]


def test_it_is_an_encoder_of_several_layers():
    assert isinstance(encoder(), Encoder) and isinstance(encoder(), LayeredEncoder)
    assert (encoder().hop, encoder().dim) == (640, 24)
    assert (encoder(SQUARE).hop, encoder(SQUARE).dim) == (2560, 80)


@pytest.mark.parametrize("sizes", [WHOLE, SQUARE])
@pytest.mark.parametrize("size", [1, 2, 8, 32])
def test_any_batch_in_any_order_equals_the_loop_over_chunks(sizes: EncoderConfig, size: int):
    ears = encoder(sizes)
    generator = torch.Generator().manual_seed(size)
    lengths = (torch.rand(size, generator=generator) * 30000).long().tolist()
    items = [noise(max(1, samples)) for samples in lengths]
    heard = ears.embed(Audio.batch(items))
    for item, frames, length in zip(items, heard.frames, heard.lengths.tolist(), strict=True):
        torch.testing.assert_close(frames[:length], by_hand(ears, item.samples[0]), rtol=0, atol=1e-5)
        assert not frames[length:].any()


@pytest.mark.parametrize("size", [1, 2, 8, 32])
def test_in_half_the_bits_too_company_and_order_change_nothing(tmp_path: Path, size: int):
    ears = load_matpac(save(encoder(MICRO, precision="bf16"), tmp_path / "run"))
    generator = torch.Generator().manual_seed(size)
    lengths = (1 + torch.rand(32, generator=generator) * 40000).long()
    items = [noise(samples) for samples in lengths.tolist()]
    alone = [ears.embed(item).frames[0] for item in items]
    for rows in torch.randperm(32, generator=generator).split(size):
        heard = ears.embed(Audio.batch([items[row] for row in rows]))
        for row, frames, length in zip(rows.tolist(), heard.frames, heard.lengths.tolist(), strict=True):
            torch.testing.assert_close(frames[:length], alone[row], rtol=0, atol=1e-4)


@pytest.mark.parametrize("tail", ["silence", "zeros"])
@pytest.mark.parametrize("sizes", [WHOLE, SQUARE])
def test_every_hop_begun_has_a_frame(sizes: EncoderConfig, tail: str):
    ears = encoder(sizes, tail=tail)
    for samples in (0, 1, 399, 400, 2559, 2560, 2561, 2799, 2801, 5120, 7000):
        heard = ears.embed(noise(samples))
        assert heard.lengths.tolist() == [-(-samples // ears.hop)] == [heard.frames.shape[1]]


def test_the_silence_behind_the_sound_is_heard_as_silence():
    ears = encoder()
    picture = picture_of(ears.net, noise(700).samples[0])
    assert picture.shape == (80, 8)
    torch.testing.assert_close(picture[:, 5:], torch.full((80, 3), (SILENCE + 7) / 4))
    torch.testing.assert_close(picture[:, :2], ears.net.normalise(power_log_mel(noise(700).samples))[0, :, :2])


def test_the_published_tail_is_zeros_behind_whole_windows():
    ears = encoder(tail="zeros")
    picture = picture_of(ears.net, noise(700).samples[0])
    whole = ears.net.normalise(power_log_mel(noise(700).samples))[0]
    assert torch.equal(picture, functional.pad(whole, (0, 2)))


def test_where_the_published_steps_are_one_short_the_last_stands_twice():
    ears = encoder(tail="zeros")
    heard = ears.embed(noise(4 * 640 + 100)).frames[0]
    assert torch.equal(heard[4], heard[3]) and not torch.equal(heard[3], heard[2])


def test_a_chunk_does_not_hear_the_next_one():
    ears, sound = encoder(), noise(16000)
    other = sound.samples.clone()
    other[:, 40 * 160 + 240 :] = 0
    before, after = ears.embed(sound).frames[0], ears.embed(Audio(other, 16000, sound.lengths)).frames[0]
    assert torch.equal(before[:10], after[:10]) and not torch.allclose(before[10:], after[10:])


def test_layers_are_those_of_one_hearing_and_the_last_is_the_embedding():
    ears, sound = encoder(), Audio.batch([noise(9000), noise(3000)])
    layers = ears.embed_layers(sound)
    assert len(layers) == ears.layers == 3
    assert torch.equal(layers[-1].frames, ears.embed(sound).frames)
    for layer, heard in enumerate(layers, start=1):
        torch.testing.assert_close(ears.at_layer(layer).embed(sound).frames, heard.frames)


@pytest.mark.parametrize("layer", [0, 4])
def test_layers_that_are_not_there_are_refused(layer: int):
    with pytest.raises(ParameterError, match=f"layer {layer} is outside 1…3"):
        encoder().at_layer(layer)


def test_half_the_bits_give_nearly_the_same():
    whole, half = encoder().embed(noise(20000)).frames, encoder(precision="bf16").embed(noise(20000)).frames
    assert half.dtype == torch.float32 and not torch.equal(whole, half)
    assert functional.cosine_similarity(whole, half, dim=2).min() > 0.999


def test_what_is_shorter_than_a_window_is_heard_and_reported(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        heard = encoder().embed(Audio.batch([noise(17), noise(900)]))
    assert heard.lengths.tolist() == [1, 2] and heard.frames.isfinite().all()
    assert "1 of 2 recordings are shorter than one window of 400 samples" in caplog.text


def save(ears: MatpacEncoder, folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.toml").write_text(to_toml(MatpacConfig(model=ears.net.config)))
    save_weights(folder / "weights.safetensors", ears.net.state_dict(), {"system": "matpac"})
    return folder


def test_a_run_opens_as_what_was_saved(tmp_path: Path):
    ears = encoder(SQUARE)
    opened = load_matpac(save(ears, tmp_path / "run"))
    assert torch.equal(opened.embed(noise(9000)).frames, ears.embed(noise(9000)).frames)


def test_a_run_in_half_the_bits_hears_as_its_weights_do_under_autocast(tmp_path: Path):
    ears = encoder(SQUARE, precision="bf16")
    opened = load_matpac(save(ears, tmp_path / "run"))
    assert opened.net.encoder.blocks[0].attn.qkv.weight.dtype == torch.bfloat16
    assert torch.equal(opened.embed(noise(9000)).frames, ears.embed(noise(9000)).frames)


def test_weights_of_another_model_are_refused(tmp_path: Path):
    folder = save(encoder(SQUARE), tmp_path / "run")
    (folder / "config.toml").write_text(to_toml(MatpacConfig(model=ModelConfig(encoder=WHOLE))))
    with pytest.raises(StoreError, match="does not fit config"):
        load_matpac(folder)
