"""The mel codec keeps every law a codec has: lengths, batches, order, streams, refusals, memory of what it is."""

from pathlib import Path

import pytest
import torch

from journey import Journey
from smalti.config import load_settings, to_toml
from smalti.core import Audio, ConfigError, ParameterError, QuickCodec, SpecError, StreamingCodec, Tokens
from smalti.evaluate import evaluate_codec
from smalti.features import MelSettings, PictureCodec, hop_by_hop, log_mel
from smalti.nn.griffin_lim import GriffinLimVocoder
from smalti.systems import load_codec, melvqvae
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
kind = "rvq"
depth = 2
vocab = 11
"""
_GRID = """
picture = "specvqgan"
[net]
kind = "grid"
widths = [6, 8, 10]
encoder_blocks = [1, 0, 1]
decoder_blocks = [1, 1, 0]
mix = 5
latent = 4
window = 3
[quantizer]
vocab = 13
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
vocab = 13
"""


def _codec(text: str, *overrides: str) -> MelVQVAE:
    torch.manual_seed(0)
    model = MelAutoencoder(load_settings(ModelConfig, text, overrides)).eval()
    for name, value in model.named_buffers():
        if name.endswith("vectors"):
            value.normal_(std=0.3)
    config = VocoderConfig(inversion_steps=5, iterations=3, window=12, overlap=2)
    return MelVQVAE(model, griffin_lim_vocoder(config, model.picture))


@pytest.fixture(scope="module", params=[_FRAMES, _GRID, _IMAGE], ids=["frames", "grid", "image"])
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


def test_defect_9_codes_alone_can_be_heard(codec: MelVQVAE) -> None:
    """The reference passed codes to the wrong half of its quantiser and crashed."""
    codes = torch.randint(codec.spec.vocab, (1, codec.spec.codebooks, 4), generator=torch.Generator().manual_seed(0))
    heard = codec.decode(Tokens(codes, codec.spec, torch.tensor([4 * codec.spec.hop])))
    assert heard.samples.shape == (1, 4 * codec.spec.hop) and heard.samples.abs().max() > 0


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


def test_the_quick_view_draws_the_same_pictures_sooner() -> None:
    class Levels:
        """A vocoder that waits for nothing: a hop of samples at the level of each frame."""

        def __init__(self, picture: MelSettings) -> None:
            self.picture = picture

        def stream(self) -> "Levels":
            return self

        def push(self, frames: torch.Tensor) -> torch.Tensor:
            return frames.mean(0).repeat_interleave(self.picture.hop)

        def flush(self) -> torch.Tensor:
            return torch.zeros(0)

    for text, sooner in ((_FRAMES, 2), (_GRID, 2), (_IMAGE, 0)):
        codec = _codec(text)
        codec = codec.heard_through(Levels(codec.picture))
        assert isinstance(codec, QuickCodec)
        quick = codec.quick()
        tokens = codec.encode(_sound(11 * codec.spec.hop))
        assert quick.spec == codec.spec
        torch.testing.assert_close(quick.decode(tokens).samples, codec.decode(tokens).samples, rtol=0, atol=1e-5)
        waits: list[int] = []
        for each in (codec, quick):
            stream = each.decoder_stream()
            heard = [len(stream.push(frame)) for frame in tokens.codes[0].split(1, dim=1)]
            waits.append(next(i for i, samples in enumerate(heard) if samples))
        assert waits[0] - waits[1] == sooner


def test_quick_griffin_lim_comes_with_the_quick_view() -> None:
    codec = _codec(_FRAMES)
    tokens = codec.encode(_sound(30 * codec.spec.hop))
    sounds = [each.decode(tokens).samples for each in (codec, codec.quick())]
    assert sounds[0].shape == sounds[1].shape and not torch.equal(*sounds)


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
    config = load_settings(MelVQVAEConfig, _PRESETS / "vas.toml")
    with torch.device("meta"):
        model = MelAutoencoder(config.model)
        latents = model.net.analyse(torch.zeros(1, 80, 848))
        assert model.net.synthesise(latents).shape == (1, 80, 848)
    count = sum(value.numel() for value in model.parameters()) + model.quantizer.shared.vectors.numel()
    assert count == pytest.approx(71.9e6, rel=1e-3)
    assert (model.quantizer.codebooks, latents.shape[2], model.hop) == (5, 53, 4096)


@pytest.mark.parametrize(("preset", "hop", "codebooks", "vocab"), [("textures", 1024, 4, 256), ("tiny", 4096, 5, 1024)])
def test_small_presets_are_small(preset: str, hop: int, codebooks: int, vocab: int) -> None:
    config = load_settings(MelVQVAEConfig, _PRESETS / f"{preset}.toml")
    model = MelAutoencoder(config.model)
    assert sum(value.numel() for value in model.parameters()) <= 2e6
    assert (model.hop, model.quantizer.codebooks, model.quantizer.vocab) == (hop, codebooks, vocab)


def test_tiny_has_the_picture_and_grid_of_the_published_presets() -> None:
    tiny, vas, vggsound = (
        load_settings(MelVQVAEConfig, _PRESETS / f"{name}.toml") for name in ("tiny", "vas", "vggsound")
    )
    assert tiny.model.picture == vas.model.picture == "specvqgan"
    assert (vas.model.quantizer.vocab, vggsound.model.quantizer.vocab) == (128, 1024)
    assert vas.model.net == vggsound.model.net


@pytest.mark.parametrize("preset", ["tiny", "textures", "vas", "vggsound"])
def test_presets_read_back_as_they_are_written(preset: str) -> None:
    config = load_settings(MelVQVAEConfig, _PRESETS / f"{preset}.toml")
    assert load_settings(MelVQVAEConfig, to_toml(config)) == config


@pytest.mark.parametrize("kind", ["ema", "plain", "cosine", "fsq", "rvq"])
@pytest.mark.parametrize("text", [_FRAMES, _GRID], ids=["frames", "grid"])
def test_every_quantizer_fits_every_net_by_one_word(text: str, kind: str) -> None:
    codec = _codec(text, f"quantizer={kind}")
    tokens = codec.encode(_sound(9000))
    assert tokens.codes.shape == (1, codec.spec.codebooks, codec.spec.frames(9000))
    assert codec.decode(tokens).samples.shape == (1, 9000)


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ParameterError, match="preset 'wid' is unknown; did you mean 'wide'"):
        MelAutoencoder(load_settings(ModelConfig, _FRAMES, ["picture=wid"]))
    with pytest.raises(ParameterError, match="2 numbers of blocks for 3 levels"):
        MelAutoencoder(load_settings(ModelConfig, _GRID, ["net.encoder_blocks=[1, 1]"]))
    with pytest.raises(ParameterError, match="no multiple of 32"):
        MelAutoencoder(load_settings(ModelConfig, _IMAGE, ["net.multipliers=[1, 1, 1, 1, 1, 1]"]))
    with pytest.raises(ParameterError, match="make no grid"):
        MelAutoencoder(load_settings(ModelConfig, _GRID, ["quantizer=fsq", "quantizer.levels=[8, 1]"]))
    with pytest.raises(ConfigError, match=r"override quantizer.*: found 'cosin', wanted 'ema'"):
        load_settings(ModelConfig, _GRID, ["quantizer=cosin"])
    with pytest.raises(ConfigError, match="line 1"):
        load_settings(ModelConfig, 'picutre = "wide"')


@pytest.mark.parametrize(("text", "dim"), [(_FRAMES, 6), (_GRID, 20)], ids=["frames", "grid"])
def test_the_context_that_the_net_asks_for_is_the_context_it_uses(text: str, dim: int) -> None:
    net = _codec(text).autoencoder.net
    picture = log_mel(_sound(60_000).samples, _codec(text).autoencoder.picture)
    tokens = 4
    needed = net.left + tokens * net.stride + net.right
    latents = net.analyse(picture[:, :, :needed])
    assert latents.shape == (1, dim, tokens)
    assert net.synthesise(torch.zeros(1, dim, tokens + 2 * net.context)).shape == (1, 80, tokens * net.stride)


def test_a_picture_is_scored_before_anything_makes_it_audible(journey: Journey) -> None:
    codec = load_codec(journey.grid_codec)
    assert isinstance(codec, PictureCodec)
    rate, hop = codec.spec.sample_rate, codec.picture.hop
    waves = [torch.randn(n, generator=torch.Generator().manual_seed(n)) * 0.1 for n in (9000, 20_000)]
    clips = [(str(len(wave)), Audio.single(wave, rate)) for wave in waves]
    report = evaluate_codec(codec, clips)
    for (_, audio), score in zip(clips, report.per_file, strict=True):
        seen, drawn = hop_by_hop(audio.samples, codec.picture)[0], codec.drawn(codec.encode(audio))[0]
        assert drawn.shape == seen.shape == (80, -(-audio.samples.shape[1] // hop))
        assert score.picture_l1_db == pytest.approx(float((seen - drawn).abs().mean()) * 100, rel=1e-5)
    silent = GriffinLimVocoder(codec.picture, inversion_steps=1, iterations=0)
    muted = evaluate_codec(codec.heard_through(silent), clips)
    assert muted.picture_l1_db == report.picture_l1_db and muted.log_mel_l1_db != report.log_mel_l1_db
