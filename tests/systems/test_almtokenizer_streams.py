"""The query codec block by block: any blocks give the whole, at once, in memory that stays the same."""

import pytest
import torch

from smalti.core import Audio
from smalti.systems.almtokenizer import ALMTokenizer, ModelConfig, QueryNet, streams
from smalti.systems.almtokenizer.config import CodesConfig, QueryNetConfig, SeanetEndsConfig, SpectralEndsConfig
from smalti.systems.almtokenizer.streams import Analysis, Synthesis

RATE, HOP = 24000, 320
NARROW = QueryNetConfig(width=16, layers=3, heads=2, attention=13)
LENGTHS = (1, 319, 320, 321, 24001)


ENDS = {
    "spectral": SpectralEndsConfig(bands=20, width=12, hidden=16, blocks=2),
    "seanet": SeanetEndsConfig(dim=6, filters=2, lstm=1),
}
LATENCY = {"spectral": (864, 480), "seanet": (0, 0)}


@pytest.fixture(scope="module", params=ENDS)
def alm(request: pytest.FixtureRequest) -> ALMTokenizer:
    torch.manual_seed(0)
    config = ModelConfig(ends=ENDS[request.param], encoder=NARROW, decoder=NARROW, codes=CodesConfig(vocab=32, dim=6))
    return ALMTokenizer(QueryNet(config).eval())


def noise(samples: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(samples)
    swell = 1.1 + torch.arange(samples).div(3000).sin()
    return 0.1 * swell * torch.randn(samples, generator=generator)


@pytest.mark.parametrize("block", [HOP, 7 * HOP, RATE, 10**9])
@pytest.mark.parametrize("window", [2, 3, 6, 10])
def test_blocks_of_any_size_are_the_whole(alm: ALMTokenizer, window: int, block: int) -> None:
    view, sound = alm.at(window=window), noise(2 * RATE + 123)
    whole = torch.nn.functional.pad(sound, (0, -len(sound) % view.spec.hop))[None]
    with torch.no_grad():
        wanted = view.net.analyse(whole, window)
        analysis = Analysis(view.net, window)
        found = torch.cat([*(analysis.push(piece[None]) for piece in sound.split(block)), analysis.flush()], dim=1)
        assert (found - wanted).norm() <= 1e-5 * wanted.norm()

        codes = view.net.codes(wanted)
        heard = view.net.sound(view.net.guess(view.net.vectors(codes), window))
        synthesis, size = Synthesis(view.net, window), max(1, block // view.spec.hop)
        back = torch.cat([*(synthesis.push(piece) for piece in codes.split(size, dim=2)), synthesis.flush()], dim=1)
    assert back.shape == heard.shape
    assert (back - heard).abs().max() <= 1e-5 * heard.abs().max()


@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize("block", [1, 250])
def test_streams_and_items_have_equal_tokens_and_samples(alm: ALMTokenizer, samples: int, block: int) -> None:
    view, sound = alm.at(window=3), noise(samples)[: 3000 if block == 1 else samples]
    tokens = view.encode(Audio.single(sound, RATE))
    encoder, decoder = view.encoder_stream(), view.decoder_stream()
    codes = torch.cat([*(encoder.push(piece) for piece in sound.split(block)), encoder.flush()], dim=1)
    assert torch.equal(codes, tokens.codes[0])
    heard = torch.cat([*(decoder.push(one) for one in codes.split(1, dim=1)), decoder.flush()])
    assert len(heard) == tokens.codes.shape[2] * view.spec.hop
    torch.testing.assert_close(heard[: len(sound)], view.decode(tokens).samples[0], rtol=0, atol=1e-5)


def test_a_stream_begins_anew_when_it_was_flushed(alm: ALMTokenizer) -> None:
    encoder, decoder = alm.encoder_stream(), alm.decoder_stream()
    first, second = ([encoder.push(noise(9000)), encoder.flush()] for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    codes = torch.cat(first, dim=1)
    again, anew = ([decoder.push(codes), decoder.flush()] for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(again, anew, strict=True))


@pytest.mark.parametrize("window", [2, 5, 10])
def test_a_code_comes_with_the_last_sample_that_it_hears_and_sound_with_its_last_frame(
    alm: ALMTokenizer, window: int
) -> None:
    view = alm.at(window=window)
    hop, ahead, delay = view.spec.hop, view.net.front.ahead, view.net.back.delay
    assert (ahead, delay) == LATENCY[view.net.config.ends.kind]
    encoder, decoder = view.encoder_stream(), view.decoder_stream()
    assert encoder.push(noise(hop + ahead - 1)).shape[1] == 0
    assert encoder.push(noise(1)).shape[1] == 1
    assert encoder.push(noise(3 * hop)).shape[1] == 3
    for codes in (1, 1, 3):
        assert decoder.push(torch.zeros(3, codes, dtype=torch.int64)).shape[0] == codes * hop - delay
        delay = 0


def test_nothing_gives_nothing(alm: ALMTokenizer) -> None:
    tokens = alm.encode(Audio.single(torch.zeros(0), RATE))
    assert tokens.codes.shape == (1, 3, 0)
    assert alm.decode(tokens).samples.shape == (1, 0)
    encoder, decoder = alm.encoder_stream(), alm.decoder_stream()
    assert encoder.push(torch.zeros(0)).shape == encoder.flush().shape == (3, 0)
    assert decoder.push(torch.zeros(3, 0, dtype=torch.int64)).shape == decoder.flush().shape == (0,)


def test_long_items_are_heard_in_blocks_that_change_nothing(alm: ALMTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [Audio.single(noise(samples), RATE) for samples in (30_000, 1, 77_777)]
    together = alm.encode(Audio.batch(items))
    whole = alm.decode(together).samples
    longest = 0
    step = alm.net.front.step

    def watched(samples: torch.Tensor, past: streams.Past | None = None) -> tuple[torch.Tensor, streams.Past]:
        nonlocal longest
        longest = max(longest, samples.shape[1])
        return step(samples, past)

    monkeypatch.setattr(alm.net.front, "step", watched)
    monkeypatch.setattr(streams, "_BLOCK_SECONDS", 0.4)
    monkeypatch.setattr(streams, "_LEAST_SECONDS", 0.2)
    assert torch.equal(alm.encode(Audio.batch(items)).codes, together.codes)
    assert longest <= 0.2 * RATE + 864
    torch.testing.assert_close(alm.decode(together).samples, whole, rtol=0, atol=1e-5)


def test_what_is_remembered_never_grows(alm: ALMTokenizer) -> None:
    analysis, synthesis = Analysis(alm.net, 6), Synthesis(alm.net, 6)
    sizes: set[int] = set()
    with torch.no_grad():
        for _ in range(40):
            queries = analysis.push(noise(1000)[None])
            synthesis.push(alm.net.codes(queries))
            kept = [analysis._past, synthesis._past]
            held = [part.untyped_storage().nbytes() for past in kept for part in past or ()]
            sizes.add(sum(held) if all(past is not None for past in kept) else 0)
            assert analysis._waiting.untyped_storage().nbytes() <= 4 * (6 * HOP + 864 + 1000)
    assert len(sizes - {0}) == 1
