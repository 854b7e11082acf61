"""The exam of every codec: lengths, batches, order, padding, streams, foreign tokens, memory of what it is."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from journey import Journey
from smalti.core import Audio, Codec, LatentCodec, ParameterError, SpecError, StreamingCodec, Tokens
from smalti.systems import SYSTEMS, load_codec

CODECS: dict[str, Callable[[Journey], Path | str]] = {
    "mulaw": lambda _: "mulaw",
    "melvqvae": lambda journey: journey.codec,
    "melvqvae grid": lambda journey: journey.grid_codec,
    "almtokenizer": lambda journey: journey.alm,
    "dac": lambda journey: journey.dac,
}


@pytest.fixture(scope="module", params=CODECS)
def run(request: pytest.FixtureRequest, journey: Journey) -> Path | str:
    return CODECS[request.param](journey)


@pytest.fixture(scope="module")
def codec(run: Path | str) -> Codec:
    return load_codec(run)


def sound(codec: Codec, samples: int) -> Audio:
    """Noise that grows, a function of its length."""
    generator = torch.Generator().manual_seed(samples)
    wave = torch.randn(samples, generator=generator) * torch.linspace(0.01, 0.3, max(samples, 1))[:samples]
    return Audio.single(wave, codec.spec.sample_rate)


def lengths(codec: Codec) -> list[int]:
    hop = codec.spec.hop
    return sorted({1, max(1, hop - 1), hop, hop + 1, 7 * hop + 3, 13 * hop})


def pieces(values: torch.Tensor, size: int) -> list[torch.Tensor]:
    return list(values.split(size, dim=-1)) if values.shape[-1] else [values]


def test_every_codec_sits_this_exam(journey: Journey) -> None:
    others = {
        "synthformer",
        "melgpt",
        "melformer",
        "vocoder",
        "kmeans",
        "matpac",
        "wav2tok",
    }  # what gives no sound of tokens has its own
    assert {name.split()[0] for name in CODECS} | others == set(SYSTEMS)


def test_exactly_the_samples_that_went_in_come_back(codec: Codec) -> None:
    for samples in lengths(codec):
        tokens = codec.encode(sound(codec, samples))
        heard = codec.decode(tokens)
        assert tokens.codes.shape == (1, codec.spec.codebooks, codec.spec.frames(samples))
        assert heard.lengths.tolist() == [samples] == [heard.samples.shape[1]]
        assert heard.sample_rate == codec.spec.sample_rate and heard.samples.isfinite().all()


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (5, 3, 1, 0, 4, 2), (2, 2, 0, 5)])
def test_an_item_alone_equals_the_item_in_any_batch(codec: Codec, order: tuple[int, ...]) -> None:
    items = [sound(codec, samples) for samples in lengths(codec)]
    items = [items[i % len(items)] for i in order]
    together = codec.encode(Audio.batch(items))
    heard = codec.decode(together)
    for item, tokens, back in zip(items, together.items(), heard.items(), strict=True):
        alone = codec.encode(item)
        assert torch.equal(tokens.codes, alone.codes) and torch.equal(tokens.lengths, alone.lengths)
        torch.testing.assert_close(back.samples, codec.decode(alone).samples, rtol=0, atol=1e-4)


def test_what_lies_behind_an_item_never_matters(codec: Codec) -> None:
    short, long = sound(codec, codec.spec.hop + 1), sound(codec, 9 * codec.spec.hop)
    batch = Audio.batch([short, long])
    dirty = batch.samples.clone()
    dirty[0, int(short.lengths[0]) :] = 0.7
    found = codec.encode(Audio(dirty, batch.sample_rate, batch.lengths))
    assert torch.equal(found.codes, codec.encode(batch).codes)
    behind = found.codes[0, :, codec.spec.frames(int(short.lengths[0])) :]
    assert not behind.any()


@pytest.mark.parametrize("block", [1, 7, 1000, 10**9])
def test_audio_in_blocks_gives_the_codes_of_the_whole(codec: Codec, block: int) -> None:
    assert isinstance(codec, StreamingCodec)
    for samples in (1, 4 * codec.spec.hop - 1, 13 * codec.spec.hop + 5):
        audio = sound(codec, min(samples, 2000) if block < 7 else samples)
        stream = codec.encoder_stream()
        blocks = [stream.push(piece) for piece in pieces(audio.samples[0], block)]
        found = torch.cat([*blocks, stream.flush()], dim=1)
        assert torch.equal(found, codec.encode(audio).codes[0])


@pytest.mark.parametrize("block", [1, 7, 10**9])
def test_codes_in_blocks_give_the_sound_of_the_whole(codec: Codec, block: int) -> None:
    assert isinstance(codec, StreamingCodec)
    tokens = codec.encode(sound(codec, 13 * codec.spec.hop))
    stream = codec.decoder_stream()
    blocks = [stream.push(piece) for piece in pieces(tokens.codes[0], block)]
    found, whole = torch.cat([*blocks, stream.flush()]), codec.decode(tokens).samples[0]
    assert len(found) >= len(whole)
    assert (found[: len(whole)] - whole).abs().max() <= 1e-5 * whole.abs().max()


def test_tokens_of_another_tokenizer_are_refused_naming_both(codec: Codec) -> None:
    spec = dataclasses.replace(codec.spec, tokenizer="0" * 64)
    foreign = Tokens(torch.zeros(1, spec.codebooks, 2, dtype=torch.int64), spec, torch.tensor([2 * spec.hop]))
    with pytest.raises(SpecError, match=f"found 000000000000, wanted {codec.spec.tokenizer[:12]}"):
        codec.decode(foreign)


@pytest.mark.parametrize("wrong", [-1, None])
def test_codes_out_of_range_are_refused_and_never_clamped(codec: Codec, wrong: int | None) -> None:
    codes = torch.zeros(1, codec.spec.codebooks, 3, dtype=torch.int64)
    codes[0, -1, 2] = codec.spec.vocab if wrong is None else wrong
    with pytest.raises(ParameterError, match=f"frame 2 is outside 0…{codec.spec.vocab - 1}"):
        Tokens(codes, codec.spec, torch.tensor([3 * codec.spec.hop]))


def test_audio_at_another_rate_is_refused_with_the_remedy(codec: Codec) -> None:
    with pytest.raises(SpecError, match="resample"):
        codec.encode(Audio.single(torch.zeros(9), codec.spec.sample_rate + 1))


def test_what_is_loaded_again_is_the_same_codec(codec: Codec, run: Path | str) -> None:
    again = load_codec(run)
    audio = sound(codec, 3 * codec.spec.hop + 1)
    assert again.spec == codec.spec
    assert torch.equal(again.encode(audio).codes, codec.encode(audio).codes)
    assert torch.equal(again.decode(codec.encode(audio)).samples, codec.decode(codec.encode(audio)).samples)


def test_silence_gives_finite_sound(codec: Codec) -> None:
    quiet = Audio.single(torch.zeros(3 * codec.spec.hop), codec.spec.sample_rate)
    assert codec.decode(codec.encode(quiet)).samples.isfinite().all()


def test_latents_that_can_be_heard_sound_as_their_tokens_alone_and_in_a_batch(codec: Codec) -> None:
    if not isinstance(codec, LatentCodec):
        assert not hasattr(codec, "decode_latents")
        return
    batch = Audio.batch([sound(codec, samples) for samples in lengths(codec)])
    latents = codec.embed(batch)
    assert latents.lengths.tolist() == [codec.spec.frames(samples) for samples in batch.lengths.tolist()]
    assert (codec.hop, codec.sample_rate) == (codec.spec.hop, codec.spec.sample_rate)
    heard, wanted = codec.decode_latents(latents, batch.lengths), codec.decode(codec.encode(batch))
    assert torch.equal(heard.samples, wanted.samples) and torch.equal(heard.lengths, wanted.lengths)
    for item, frames, length in zip(batch.items(), latents.frames, latents.lengths.tolist(), strict=True):
        torch.testing.assert_close(frames[:length], codec.embed(item).frames[0], rtol=0, atol=1e-4)
        free = codec.decode_latents(codec.embed(item), item.lengths, quantized=False)
        assert free.lengths.equal(item.lengths) and free.samples.isfinite().all()
