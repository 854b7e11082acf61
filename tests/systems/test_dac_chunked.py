"""The codec without padding: the published sizes of chunks, the middle of what padding gives, and time kept."""

import pytest
import torch

from smalti.core import ParameterError
from smalti.systems.dac import DAC, DACNet, ModelConfig, chunked
from smalti.systems.dac.chunked import Chunk, decode_chunks, encode_chunks

PUBLISHED = {
    "44khz": (44_100, (2, 4, 8, 8), 7904, {1: (44_544, 72, 28_522), 5: (220_672, 416, 204_650)}),
    "24khz": (24_000, (2, 4, 5, 8), 5264, {1: (24_000, 59, 13_346), 5: (120_000, 359, 109_346)}),
    "16khz": (16_000, (2, 4, 5, 8), 5264, {1: (16_000, 34, 5346), 5: (80_000, 234, 69_346)}),
}


def net_of(strides: tuple[int, ...] = (2, 4), *, sample_rate: int = 4000, seed: int = 1) -> DACNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = ModelConfig(
            sample_rate=sample_rate,
            strides=strides,
            encoder_width=3,
            decoder_width=16,
            codebooks=4,
            vocab=17,
            code_dim=5,
        )
        return DACNet(config).eval()


def sound_of(samples: int) -> torch.Tensor:
    return 0.3 * torch.randn(samples, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", PUBLISHED)
def test_chunks_have_the_published_sizes(name: str) -> None:
    sample_rate, strides, delay, windows = PUBLISHED[name]
    net = net_of(strides, sample_rate=sample_rate)
    for seconds, (taken, frames, given) in windows.items():
        assert Chunk.of_seconds(net, seconds) == Chunk(taken, frames, given, delay)
        same = Chunk.of_frames(net, frames)
        assert (same.frames, same.given, same.delay) == (frames, given, delay)


def test_a_chunk_is_what_is_heard_and_half_of_the_rest_on_either_side() -> None:
    for frames in (40, 41, 90):
        chunk = Chunk.of_frames(net_of(), frames)
        assert chunk.taken == chunk.given + 2 * chunk.delay


@torch.no_grad()
@pytest.mark.parametrize("strides", [(2, 4), (2, 8), (4, 2)])
def test_a_chunk_sounds_as_the_middle_of_what_padding_gives(strides: tuple[int, ...]) -> None:
    net = net_of(strides)
    codes = torch.randint(17, (1, 4, 90), generator=torch.Generator().manual_seed(3))
    whole = net.decoder(net.quantizer.decode(codes))[0]
    chunk = decode_chunks(net, codes)
    edge, margin = (len(whole) - len(chunk)) // 2, len(strides) * net.config.hop
    inner = slice(margin, -margin)
    assert len(chunk) == Chunk.of_frames(net, 90).given > 4 * margin
    assert torch.allclose(chunk[inner], whole[edge : edge + len(chunk)][inner], atol=1e-6)
    assert not torch.allclose(chunk[inner], whole[edge + 1 : edge + 1 + len(chunk)][inner], atol=1e-6)


@torch.no_grad()
def test_frames_of_a_chunk_are_those_that_padding_gives_further_on() -> None:
    """Padding puts 133 samples before the first one, here five short of 16 hops: both hear the same from there on."""
    net = net_of()
    chunk = Chunk.of_seconds(net, 0.4)
    samples = sound_of(chunk.taken)
    padded = net.encoder(torch.nn.functional.pad(samples[133 % 8 :], (0, 133 % 8))[None])
    latents = chunked._unpadded(chunked._layers(net.encoder), samples[None, None])
    assert latents.shape[2] == chunk.frames
    assert torch.allclose(padded[:, :, 133 // 8 :][:, :, : chunk.frames], latents, atol=1e-6)


@torch.no_grad()
def test_the_independent_net_without_padding_gives_the_same() -> None:
    transformers = pytest.importorskip("transformers")
    ours = net_of((2, 4), sample_rate=16_000)
    sizes = {"encoder_hidden_size": 3, "decoder_hidden_size": 16, "n_codebooks": 4, "codebook_size": 16}
    config = transformers.DacConfig(downsampling_ratios=[2, 4], upsampling_ratios=[4, 2], codebook_dim=5, **sizes)
    theirs = transformers.DacModel(config).eval()
    for part, other in ((ours.encoder, theirs.encoder), (ours.decoder, theirs.decoder)):
        for mine, convolution in zip(chunked._convolutions(part), in_order(other), strict=True):
            convolution.load_state_dict(mine.state_dict())
            convolution.padding = (0,)
    samples, latents = sound_of(1200)[None, None], torch.randn(1, 12, 70, generator=torch.Generator().manual_seed(6))
    for part, other, steps in ((ours.encoder, theirs.encoder, samples), (ours.decoder, theirs.decoder, latents)):
        assert torch.equal(chunked._unpadded(chunked._layers(part), steps), other(steps))


def in_order(part: torch.nn.Module) -> list[torch.nn.Module]:
    """The convolutions of their encoder or decoder in the order in which they are heard: theirs have names."""
    found: list[torch.nn.Module] = [part.conv1]
    for block in part.block:
        units = [
            one for unit in (block.res_unit1, block.res_unit2, block.res_unit3) for one in (unit.conv1, unit.conv2)
        ]
        found += [block.conv_t1, *units] if hasattr(block, "conv_t1") else [*units, block.conv1]
    return [*found, part.conv2]


def test_what_is_heard_lies_in_the_middle_of_what_it_is_heard_from() -> None:
    net = net_of().double()
    chunk = Chunk.of_seconds(net, 0.4)
    samples = sound_of(chunk.taken).double().requires_grad_()
    latents = chunked._unpadded(chunked._layers(net.encoder), samples[None, None])
    sound = chunked._unpadded(chunked._layers(net.decoder), latents)[0, 0]
    assert len(sound) == chunk.given
    place = chunk.given // 2
    (gradient,) = torch.autograd.grad(sound[place], samples)
    heard = gradient.nonzero()[:, 0]
    assert abs((int(heard[0]) + int(heard[-1])) / 2 - (place + chunk.delay)) <= net.config.hop


@torch.no_grad()
@pytest.mark.parametrize("samples", [1, 500, 1_001, 5_000])
def test_chunks_give_back_at_least_the_sound_and_less_than_one_more(samples: int) -> None:
    net = net_of()
    codes = encode_chunks(net, sound_of(samples), seconds=0.4, codebooks=3)
    chunk = Chunk.of_seconds(net, 0.4)
    assert codes.shape[1:] == (3, chunk.frames)
    assert samples <= len(decode_chunks(net, codes)) == len(codes) * chunk.given < samples + chunk.given


@torch.no_grad()
def test_a_chunk_alone_has_the_codes_it_has_among_others() -> None:
    net = net_of()
    chunk = Chunk.of_seconds(net, 0.4)
    sound = sound_of(3 * chunk.given)
    among = encode_chunks(net, sound, seconds=0.4, codebooks=4)
    assert len(among) == 3
    around = torch.nn.functional.pad(sound, (chunk.delay, chunk.taken))[chunk.given :][: chunk.taken]
    latents = chunked._unpadded(chunked._layers(net.encoder), around[None, None])
    assert torch.equal(net.quantizer.encode(latents)[0], among[1])


@torch.no_grad()
@pytest.mark.parametrize("frames", [60, 61, 100])
def test_a_long_chunk_in_pieces_sounds_as_in_one(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net = net_of((2, 5))
    codes = torch.randint(17, (2, 4, frames), generator=torch.Generator().manual_seed(4))
    whole = decode_chunks(net, codes)
    monkeypatch.setattr(chunked, "_PIECE", 7)
    assert torch.allclose(decode_chunks(net, codes), whole, atol=1e-6)


@torch.no_grad()
def test_nothing_has_no_chunks() -> None:
    net = net_of()
    codes = encode_chunks(net, torch.zeros(0), seconds=0.4, codebooks=2)
    assert len(codes) == len(decode_chunks(net, codes)) == 0


def test_chunks_too_short_to_sound_are_refused() -> None:
    net = net_of()
    with pytest.raises(ParameterError, match="gives no sound without padding"):
        Chunk.of_seconds(net, 0.01)
    with pytest.raises(ParameterError, match="a chunk of 5 frames"):
        decode_chunks(net, torch.zeros(2, 4, 5, dtype=torch.int64))


def test_the_weights_stay_as_they_are() -> None:
    net = net_of()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    layers = str(net)
    DAC(net).decode_chunks(DAC(net).encode_chunks(sound_of(900), seconds=0.4))
    assert str(net) == layers
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
