"""The mel codec keeps every law a codec has: lengths, batches, order, streams, refusals, memory of what it is."""

from pathlib import Path

import pytest
import torch

from smalti.config import load_settings, to_toml
from smalti.core import Audio, ConfigError, ParameterError, SpecError, StreamingCodec, Tokens
from smalti.features import log_mel
from smalti.systems import melvqvae
from smalti.systems.melvqvae import MelAutoencoder, MelVQVAE, MelVQVAEConfig
from smalti.systems.melvqvae.config import ModelConfig, VocoderConfig
from smalti.systems.melvqvae.vocoder import griffin_lim_vocoder

_PRESETS = Path(melvqvae.__file__).parent / "presets"
_FRAMES = """
picture = "wide"
[net]
kind = "frames"
width = 12
fine_blocks = 1
coarse_blocks = 2
latent = 6
window = 3
[quantizer]
codebooks = 2
vocab = 11
"""
_IMAGE = """
picture = "specvqgan"
[net]
kind = "image"
channels = 4
multipliers = [1, 1, 2]
groups = 2
latent = 3
window = 5
[quantizer]
codebooks = 20
vocab = 13
"""


def _codec(text: str) -> MelVQVAE:
    torch.manual_seed(0)
    model = MelAutoencoder(load_settings(ModelConfig, text)).eval()
    for name, value in model.named_buffers():
        if name.endswith("vectors"):
            value.normal_(std=0.3)
    config = VocoderConfig(inversion_steps=5, iterations=3, window=12, overlap=2)
    return MelVQVAE(model, griffin_lim_vocoder(config, model.picture))


@pytest.fixture(scope="module", params=[_FRAMES, _IMAGE], ids=["frames", "image"])
def codec(request: pytest.FixtureRequest) -> MelVQVAE:
    return _codec(request.param)


def _sound(samples: int, seed: int = 0) -> Audio:
    generator = torch.Generator().manual_seed(seed + samples)
    loudness = torch.linspace(0.01, 0.3, max(samples, 1))[:samples]
    return Audio.single(torch.randn(samples, generator=generator) * loudness, 22050)


@pytest.mark.parametrize("samples", [0, 1, 255, 4097, 33_333])
def test_exactly_the_samples_that_went_in_come_back(codec: MelVQVAE, samples: int) -> None:
    tokens = codec.encode(_sound(samples))
    assert tokens.codes.shape == (1, codec.spec.codebooks, codec.spec.frames(samples))
    audio = codec.decode(tokens)
    assert audio.samples.shape == (1, samples)
    assert torch.isfinite(audio.samples).all()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_an_item_gives_the_same_bits_alone_and_in_any_batch(codec: MelVQVAE, order: tuple[int, ...]) -> None:
    items = [_sound(samples) for samples in (9000, 20_011, 700)]
    batch = Audio.batch(items[i] for i in order)
    batch.samples[batch.samples == 0] = 0.5  # what lies behind an item never matters
    tokens = codec.encode(Audio(batch.samples, 22050, batch.lengths))
    sounds = codec.decode(tokens).items()
    for i, row, sound in zip(order, tokens.items(), sounds, strict=True):
        alone = codec.encode(items[i])
        assert torch.equal(alone.codes, row.codes)
        assert torch.equal(codec.decode(alone).samples, sound.samples)


@pytest.mark.parametrize("block", [1, 2, 7, 1000])
def test_codes_in_blocks_decode_to_the_bits_of_the_whole(codec: MelVQVAE, block: int) -> None:
    codes = codec.encode(_sound(31_000)).codes[0]
    stream = codec.decoder_stream()
    heard = torch.cat([*(stream.push(part) for part in codes.split(block, dim=1)), stream.flush()])
    assert len(heard) == codes.shape[1] * codec.spec.hop
    whole = codec.decode(Tokens(codes[None], codec.spec, torch.tensor([len(heard)])))
    assert torch.equal(heard, whole.samples[0])


@pytest.mark.parametrize("block", [997, 4096, 50_000])
def test_audio_in_blocks_encodes_to_the_codes_of_the_whole(codec: MelVQVAE, block: int) -> None:
    audio = _sound(40_003)
    stream = codec.encoder_stream()
    codes = torch.cat([*(stream.push(part) for part in audio.samples[0].split(block)), stream.flush()], dim=1)
    assert torch.equal(codes, codec.encode(audio).codes[0])


def test_later_sound_never_changes_earlier_codes_beyond_the_context(codec: MelVQVAE) -> None:
    model, hop = codec.autoencoder, codec.spec.hop
    long = _sound(20 * hop)
    cut = Audio.single(long.samples[0, : 15 * hop], 22050)
    reach = 15 - model.net.window if model.config.net.kind == "image" else 15 - 3 - model.net.right // model.net.stride
    assert torch.equal(codec.encode(long).codes[:, :, :reach], codec.encode(cut).codes[:, :, :reach])


def test_silence_extends_every_item(codec: MelVQVAE) -> None:
    audio = _sound(5 * codec.spec.hop)
    longer = Audio.single(torch.nn.functional.pad(audio.samples[0], (0, 3000)), 22050)
    assert torch.equal(codec.encode(longer).codes[:, :, :5], codec.encode(audio).codes)


def test_it_is_a_streaming_codec(codec: MelVQVAE) -> None:
    assert isinstance(codec, StreamingCodec)


def test_what_does_not_fit_is_refused(codec: MelVQVAE) -> None:
    tokens = codec.encode(_sound(3000))
    with pytest.raises(SpecError, match="audio is at 8000 Hz, this codec at 22050"):
        codec.encode(Audio.single(torch.zeros(9), 8000))
    with pytest.raises(ParameterError, match="is outside 0…"):
        Tokens(tokens.codes + codec.spec.vocab, codec.spec, tokens.lengths)
    other = _codec(_FRAMES if codec.autoencoder.config.net.kind == "image" else _IMAGE)
    with pytest.raises(SpecError, match="another tokenizer"):
        other.decode(tokens)


def test_the_fingerprint_follows_what_codes_depend_on_and_nothing_else() -> None:
    codec = _codec(_FRAMES)
    before = codec.spec
    with torch.no_grad():
        next(codec.autoencoder.net.decoder.parameters()).add_(1)
    assert codec.spec == before
    with torch.no_grad():
        next(codec.autoencoder.net.encoder.parameters()).add_(1)
    assert codec.spec != before
    assert _codec(_FRAMES).spec == before


def test_the_published_net_has_its_published_size_and_grid() -> None:
    config = load_settings(MelVQVAEConfig, _PRESETS / "base.toml")
    with torch.device("meta"):
        model = MelAutoencoder(config.model)
        latents = model.net.analyse(torch.zeros(1, 80, 848))
        assert model.net.synthesise(latents).shape == (1, 80, 848)
    count = sum(value.numel() for value in model.parameters()) + model.quantizer.shared.vectors.numel()
    assert count == pytest.approx(71.9e6, rel=1e-3)
    assert (model.quantizer.codebooks, latents.shape[2], model.hop) == (5, 53, 4096)


def test_the_tiny_preset_is_tiny() -> None:
    config = load_settings(MelVQVAEConfig, _PRESETS / "tiny.toml")
    model = MelAutoencoder(config.model)
    assert sum(value.numel() for value in model.parameters()) <= 2e6
    assert model.hop == 1024
    assert config.model.quantizer.codebooks == 4


@pytest.mark.parametrize("preset", ["tiny", "base"])
def test_presets_read_back_as_they_are_written(preset: str) -> None:
    config = load_settings(MelVQVAEConfig, _PRESETS / f"{preset}.toml")
    assert load_settings(MelVQVAEConfig, to_toml(config)) == config


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ParameterError, match="preset 'wid' is unknown; did you mean 'wide'"):
        MelAutoencoder(load_settings(ModelConfig, _FRAMES, ["picture=wid"]))
    with pytest.raises(ParameterError, match="20 rows of the image net"):
        MelAutoencoder(load_settings(ModelConfig, _IMAGE, ["quantizer.codebooks=4"]))
    with pytest.raises(ConfigError, match="line 1"):
        load_settings(ModelConfig, 'picutre = "wide"')


def test_the_context_that_the_net_asks_for_is_the_context_it_uses() -> None:
    net = _codec(_FRAMES).autoencoder.net
    picture = log_mel(_sound(40_000).samples, _codec(_FRAMES).autoencoder.picture)
    tokens = 4
    needed = net.left + tokens * net.stride + net.right
    latents = net.analyse(picture[:, :, :needed])
    assert latents.shape == (1, 6, tokens)
    assert net.synthesise(torch.zeros(1, 6, tokens + 2 * net.context)).shape == (1, 80, tokens * net.stride)
