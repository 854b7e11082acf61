"""DAC block by block: equal to one pass of the net over the whole, at every set of strides, in memory that stays."""

import math

import pytest
import torch

from smalti.config import load_settings
from smalti.core import Audio, CodecViews, DataError, LatentCodec, ParameterError, SpecError, StreamingCodec
from smalti.quantize import parameter_count
from smalti.systems.dac import DAC, DACConfig, DACNet, ModelConfig
from smalti.systems.dac.stages import InRow
from smalti.systems.registry import find_preset

RATE = 4000
STRIDES = [(2, 4, 8, 8), (2, 4, 5, 8), (3, 2), (7,), (4, 4, 2)]
Samples = torch.Tensor


def made(strides: tuple[int, ...], fold: int = 1) -> DAC:
    torch.manual_seed(0)
    config = ModelConfig(
        sample_rate=RATE,
        strides=strides,
        fold=fold,
        encoder_width=3,
        decoder_width=48,
        latent=10,
        codebooks=3,
        vocab=13,
        code_dim=5,
    )
    return DAC(DACNet(config).eval())


@pytest.fixture(scope="module", params=STRIDES, ids=str)
def dac(request: pytest.FixtureRequest) -> DAC:
    return made(request.param)


def sound(samples: int) -> Audio:
    generator = torch.Generator().manual_seed(samples)
    return Audio.single(0.3 * torch.randn(samples, generator=generator), RATE)


@pytest.mark.parametrize("frames", [1, 3, 13])
@torch.no_grad()
def test_blocks_equal_one_pass_of_the_net_over_the_whole(dac: DAC, frames: int) -> None:
    audio = sound(frames * dac.hop - dac.hop // 3)
    whole = dac.net.encoder(torch.nn.functional.pad(audio.samples, (0, dac.hop // 3)))
    torch.testing.assert_close(dac.embed(audio).frames.mT, whole, rtol=0, atol=1e-6)
    codes = dac.encode(audio).codes
    assert torch.equal(codes, dac.net.quantizer.encode(whole))
    heard, spoken = dac.decode(dac.encode(audio)).samples, dac.net.decoder(dac.net.quantizer.decode(codes))
    shared = min(heard.shape[1], spoken.shape[1])
    assert dac.hop * frames - spoken.shape[1] < dac.hop // 3 + dac.hop / 10
    torch.testing.assert_close(heard[:, :shared], spoken[:, :shared], rtol=0, atol=1e-6)
    assert not heard[:, shared:].any()


@pytest.mark.parametrize(("fold", "strides"), [(16, (2, 3)), (32, (4,))])
@torch.no_grad()
def test_blocks_equal_the_whole_through_short_spectra_too(fold: int, strides: tuple[int, ...]) -> None:
    dac = made(strides, fold)
    audio = sound(9 * dac.hop - 5)
    whole = dac.net.encoder(torch.nn.functional.pad(audio.samples, (0, 5)))
    torch.testing.assert_close(dac.embed(audio).frames.mT, whole, rtol=0, atol=3e-6)
    tokens = dac.encode(audio)
    spoken = dac.net.decoder(dac.net.quantizer.decode(tokens.codes))
    shared = min(spoken.shape[1], 9 * dac.hop - 5)
    torch.testing.assert_close(dac.decode(tokens).samples[:, :shared], spoken[:, :shared], rtol=0, atol=1e-5)


@pytest.mark.parametrize("block", [1, 137])
def test_how_the_input_arrives_changes_no_bit(dac: DAC, block: int) -> None:
    audio = sound(min(13 * dac.hop + 1, 600 if block == 1 else 10**6))
    tokens, stream = dac.encode(audio), dac.encoder_stream()
    codes = torch.cat([*(stream.push(piece) for piece in audio.samples[0].split(block)), stream.flush()], dim=1)
    assert torch.equal(codes, tokens.codes[0])
    back = dac.decoder_stream()
    for _ in range(2):  # a stream that was flushed begins anew
        heard = torch.cat([*(back.push(piece) for piece in codes.split(block, dim=1)), back.flush()])
        assert len(heard) == codes.shape[1] * dac.hop
        assert torch.equal(heard[: audio.samples.shape[1]], dac.decode(tokens).samples[0])


@pytest.mark.parametrize("strides", STRIDES, ids=str)
def test_what_the_blocks_wait_for_is_just_what_the_net_hears_ahead(strides: tuple[int, ...]) -> None:
    net = made(strides).net.double()
    hop = net.config.hop
    ahead = InRow(net.encoder.children()).ahead(0)
    samples = torch.randn(1, (2 + -(-ahead // hop)) * hop, dtype=torch.float64, requires_grad=True)
    assert _last_heard(net.encoder(samples)[0, :, 0], samples) == ahead
    ahead = InRow(net.decoder.children()).ahead(0)
    frames = torch.randn(1, 10, ahead + 4, dtype=torch.float64, requires_grad=True)
    assert _last_heard(net.decoder(frames)[0, :hop], frames) == ahead


def _last_heard(output: torch.Tensor, given: torch.Tensor) -> int:
    """The last step of what was given that the output depends on at all."""
    (gradient,) = torch.autograd.grad(output.sum(), given)
    return int(gradient.flatten(0, -2).abs().sum(0).nonzero().max())


@pytest.mark.parametrize(("strides", "frames"), [((2, 4, 8, 8), 10), ((2, 4, 5, 8), 10)])
def test_published_decoders_hear_ten_frames_ahead(strides: tuple[int, ...], frames: int) -> None:
    decoder = made(strides).net.decoder
    assert InRow(decoder.children()).ahead(0) == frames


@pytest.mark.parametrize(
    ("preset", "numbers", "kilobits"),
    [("44khz", 76_620_777, 7.752), ("24khz", 74_653_857, 24.0), ("16khz", 74_141_697, 6.0)],
)
def test_published_presets_have_the_published_sizes(preset: str, numbers: int, kilobits: float) -> None:
    config = load_settings(DACConfig, find_preset(f"dac/{preset}")[1]).model
    with torch.device("meta"):
        net = DACNet(config)
    assert parameter_count(net) == numbers
    bits = config.codebooks * math.log2(config.vocab) * config.sample_rate / config.hop
    assert bits == pytest.approx(1000 * kilobits, rel=1e-4)


def test_what_a_stream_keeps_does_not_grow() -> None:
    dac = made((4, 4, 2))
    heard, spoken = dac.encoder_stream(), dac.decoder_stream()
    kept: list[int] = []  # 48 frames are four blocks
    for _ in range(6):
        spoken.push(heard.push(sound(48 * dac.hop).samples[0]))
        kept.append(_numbers(heard) + _numbers(spoken))
    assert kept[1] == kept[5]


def _numbers(thing: object, seen: set[int] | None = None) -> int:
    """Of all tensors that hang on it, views at their own size."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, torch.nn.Module | type):
        return 0
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor):
        return thing.numel()
    parts = thing if isinstance(thing, list | tuple) else vars(thing).values() if hasattr(thing, "__dict__") else ()
    return sum(_numbers(part, seen) for part in parts)


def test_sound_starts_before_a_third_of_a_second_of_codes_has_come() -> None:
    torch.manual_seed(0)
    config = ModelConfig(sample_rate=22050, strides=(2, 4, 8, 4), encoder_width=2, decoder_width=16, vocab=7)
    stream = DAC(DACNet(config).eval()).decoder_stream()
    found = [len(stream.push(torch.zeros(9, 1, dtype=torch.int64))) for _ in range(22050 // config.hop // 3)]
    assert sum(found) > 0


def test_levels_are_kept() -> None:
    dac, audio = made((3, 2)), sound(600)
    louder = Audio(audio.samples * 2, RATE, audio.lengths)
    assert not torch.equal(dac.encode(audio).codes, dac.encode(louder).codes)


def test_fewer_codebooks_are_the_first_ones_and_fit_by_their_spec() -> None:
    dac = made((3, 2))
    assert isinstance(dac, CodecViews) and isinstance(dac, StreamingCodec) and isinstance(dac, LatentCodec)
    view, audio = dac.at(codebooks=2), sound(100)
    assert view.spec.codebooks == 2 and view.spec.tokenizer == dac.spec.tokenizer
    assert torch.equal(view.encode(audio).codes, dac.encode(audio).codes[:, :2])
    assert dac.fitting(view.spec).codebooks == 2 and view.at(window=1).codebooks == 2
    assert dac.windows == range(1, 2) and dac.most_codebooks == 3
    with pytest.raises(SpecError, match="codebooks"):
        dac.decode(view.encode(audio))
    with pytest.raises(ParameterError, match="found 4 codebooks, this codec has 1…3"):
        dac.at(codebooks=4)
    with pytest.raises(ParameterError, match="found a window of 2 frames, wanted 1"):
        dac.at(window=2)


def test_another_codec_is_named_by_what_its_codes_depend_on() -> None:
    dac, other = made((3, 2)), made((3, 2))
    with torch.no_grad():
        other.net.decoder.stem.bias += 1
    assert other.spec == dac.spec
    with torch.no_grad():
        other.net.quantizer.layers[0].codebook.weight += 1  # pyright: ignore
    assert other.spec != dac.spec
    with pytest.raises(SpecError, match="belong to another tokenizer"):
        dac.fitting(other.spec)


def test_what_is_no_sound_is_refused_with_its_place() -> None:
    wave = sound(4000).samples[0].clone()
    wave[2000] = torch.nan
    with pytest.raises(DataError, match=r"a sample at 0\.500 s is nan"):
        made((3, 2)).encode(Audio.single(wave, RATE))


def test_a_batch_of_nothing_gives_nothing() -> None:
    dac = made((3, 2))
    nothing = Audio(torch.zeros(0, 7), RATE, torch.zeros(0, dtype=torch.int64))
    assert dac.encode(nothing).codes.shape[:2] == (0, 3) and dac.decode(dac.encode(nothing)).samples.shape[0] == 0
    silent = Audio(torch.zeros(1, 0), RATE, torch.zeros(1, dtype=torch.int64))
    assert dac.encode(silent).codes.shape == (1, 3, 0) and dac.decode(dac.encode(silent)).samples.shape == (1, 0)


def test_latents_that_are_not_these_are_refused() -> None:
    dac, audio = made((3, 2)), sound(100)
    latents = dac.embed(audio)
    with pytest.raises(ParameterError, match=r"found \[17\] latents for \[90\] samples"):
        dac.decode_latents(latents, torch.tensor([90]))
    with pytest.raises(SpecError, match="found latents of 4 numbers, wanted 10"):
        dac.decode_latents(type(latents)(latents.frames[:, :, :4], latents.lengths), audio.lengths)
