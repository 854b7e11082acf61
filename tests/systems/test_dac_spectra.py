"""A folded net's ends: spectra that begin as Fourier's, and a net of the same lengths as any other."""

import pytest
import torch

from smalti.systems.dac.config import ModelConfig
from smalti.systems.dac.learning import LearningNet
from smalti.systems.dac.net import DACNet
from smalti.systems.dac.spectra import Levels, Waves, spectral_back, spectral_channels, spectral_front


def _sound(samples: int) -> torch.Tensor:
    return 0.2 * torch.randn(2, 1, samples, generator=torch.Generator().manual_seed(1))


def test_spectra_begin_as_fouriers_and_their_inverse_gives_the_sound_back() -> None:
    fold, sound = 16, _sound(160)
    forward, (_, inverse) = spectral_front(fold)[0], tuple(spectral_back(fold))
    found = forward(sound)
    window = (torch.pi * (torch.arange(2 * fold) + 0.5) / (2 * fold)).sin()
    # frame 3 begins half a fold before sample 3 · fold
    wanted = torch.fft.rfft(sound[:, 0, 3 * fold - fold // 2 :][:, : 2 * fold] * window)
    torch.testing.assert_close(found[:, : fold + 1, 3], wanted.real, rtol=0, atol=1e-5)
    torch.testing.assert_close(found[:, fold + 1 :, 3], wanted.imag[:, 1:-1], rtol=0, atol=1e-5)
    inner = (..., slice(fold, -fold))
    torch.testing.assert_close(inverse(found)[inner], sound[inner], rtol=0, atol=1e-5)


def test_levels_do_not_hear_phases_and_phases_do_not_hear_levels() -> None:
    fold = 16
    told = spectral_front(fold)(_sound(320))
    softer, turned = (spectral_front(fold)(sound) for sound in (0.1 * _sound(320), -_sound(320)))
    assert told.shape[1] == spectral_channels(fold)
    levels, phases = told.tensor_split([fold + 1], dim=1)
    torch.testing.assert_close(turned[:, : fold + 1], levels)
    torch.testing.assert_close(turned[:, fold + 1 :], -phases)
    torch.testing.assert_close(softer[:, fold + 1 :, 2:-2], phases[:, :, 2:-2], rtol=0, atol=1e-2)


def test_silence_is_heard_and_said_with_finite_slopes() -> None:
    steps = torch.zeros(1, 32, 5, requires_grad=True)
    heard = Levels(16)(steps)
    said = Waves(16)(torch.full((1, 49, 5), -99.0).requires_grad_())
    heard.sum().backward()
    assert steps.grad is not None and torch.isfinite(steps.grad).all() and torch.isfinite(heard).all()
    assert float(said.detach().abs().max()) < 1e-4


@pytest.mark.parametrize("frames", [1, 3, 10])
def test_a_folded_net_gives_a_hop_of_sound_for_every_frame(frames: int) -> None:
    torch.manual_seed(0)
    config = ModelConfig(fold=16, strides=(2, 4), encoder_width=6, decoder_width=20, codebooks=2, vocab=7, code_dim=3)
    net = DACNet(config)
    assert config.hop == 128
    latents = net.encoder(torch.randn(2, frames * 128))
    assert latents.shape == (2, 24, frames)
    assert net.decoder(latents).shape == (2, frames * 128)


def test_a_net_that_is_not_folded_keeps_its_published_layers() -> None:
    torch.manual_seed(0)
    config = ModelConfig(strides=(2, 4), encoder_width=4, decoder_width=8, codebooks=1, vocab=5, code_dim=3)
    names = DACNet(config).state_dict()
    assert not [name for name in names if "front" in name]
    assert names["encoder.stem.weight"].shape == (4, 1, 7) and names["decoder.last.1.weight"].shape == (1, 2, 7)


def test_a_short_run_begins_with_layers_as_loud_as_each_other_and_a_published_one_with_small_weights() -> None:
    torch.manual_seed(0)
    config = ModelConfig(fold=32, strides=(2, 4), encoder_width=24, decoder_width=96, codebooks=2, vocab=7, code_dim=3)
    even = LearningNet(config, normed=False).codec
    latents = even.encoder(0.1 * torch.randn(2, 32 * config.hop))
    assert 0.5 < float(latents.std().detach()) < 3
    assert 0.5 < float(even.decoder.blocks(even.decoder.stem(torch.randn(2, 96, 40))).std().detach()) < 3
    published = LearningNet(ModelConfig(encoder_width=16, decoder_width=32)).codec
    assert 0.015 < float(published.encoder.blocks[1][4].weight.std().detach()) < 0.022
    assert not bool(published.encoder.stem.bias.any())


def test_the_transforms_never_learn() -> None:
    net = LearningNet(ModelConfig(fold=16, strides=(2,), encoder_width=4, decoder_width=8, code_dim=3), normed=False)
    fixed = {name for name, weight in net.named_parameters() if not weight.requires_grad}
    places = ("encoder.front.0", "decoder.last.3")
    assert fixed == {f"codec.{place}.{kind}" for place in places for kind in ("weight", "bias")}
    assert all(weight.requires_grad for weight in net.matrices())
