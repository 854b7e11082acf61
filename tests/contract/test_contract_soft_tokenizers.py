"""The exam of tokenizers that are made for search: batches, order, padding, certainty, refusals, memory."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from journey import Journey
from smalti.core import Audio, Encoder, SoftTokenizer, SpecError
from smalti.systems.registry import load_tokenizer

TOKENIZERS: dict[str, Callable[[Journey], Path]] = {"wav2tok": lambda journey: journey.wav2tok}


@pytest.fixture(scope="module", params=TOKENIZERS)
def run(request: pytest.FixtureRequest, journey: Journey) -> Path:
    return TOKENIZERS[request.param](journey)


@pytest.fixture(scope="module")
def tokenizer(run: Path) -> SoftTokenizer:
    found = load_tokenizer(run)
    assert isinstance(found, SoftTokenizer)
    return found


def sound(tokenizer: SoftTokenizer, samples: int) -> Audio:
    """Noise that comes and goes, a function of its length."""
    generator = torch.Generator().manual_seed(samples)
    wave = torch.randn(samples, generator=generator) * torch.linspace(0, 9, samples).sin() * 0.3
    return Audio.single(wave, tokenizer.spec.sample_rate)


def lengths(tokenizer: SoftTokenizer) -> list[int]:
    hop = tokenizer.spec.hop
    return [1, hop - 1, hop, hop + 1, 7 * hop + 3, 33 * hop]


def test_there_is_a_token_for_every_hop_begun(tokenizer: SoftTokenizer) -> None:
    for samples in [0, *lengths(tokenizer)]:
        tokens = tokenizer.encode(sound(tokenizer, samples))
        assert tokens.codes.shape == (1, 1, tokenizer.spec.frames(samples))
        assert tokens.lengths.tolist() == [samples]


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (5, 3, 1, 0, 4, 2), (2, 2, 0, 5)])
def test_an_item_alone_equals_the_item_in_any_batch(tokenizer: SoftTokenizer, order: tuple[int, ...]) -> None:
    items = [sound(tokenizer, lengths(tokenizer)[i]) for i in order]
    batch = Audio.batch(items)
    dirty = batch.samples.clone()
    for row, length in zip(dirty, batch.lengths.tolist(), strict=True):
        row[length:] = 0.7
    batch = Audio(dirty, batch.sample_rate, batch.lengths)
    for item, tokens in zip(items, tokenizer.encode(batch).items(), strict=True):
        assert torch.equal(tokens.codes, tokenizer.encode(item).codes)
    believed = tokenizer.log_probabilities(batch)
    for item, frames, length in zip(items, believed.frames, believed.lengths.tolist(), strict=True):
        torch.testing.assert_close(frames[:length], tokenizer.log_probabilities(item).frames[0], rtol=0, atol=1e-4)
        assert not frames[length:].any()


def test_chances_sum_to_one_and_the_likeliest_token_is_the_code(tokenizer: SoftTokenizer) -> None:
    audio = sound(tokenizer, 21 * tokenizer.spec.hop)
    believed = tokenizer.log_probabilities(audio)
    torch.testing.assert_close(believed.frames.exp().sum(dim=2), torch.ones(1, 21))
    assert torch.equal(believed.frames.argmax(dim=2)[:, None], tokenizer.encode(audio).codes)


def test_vectors_are_of_length_one_in_any_company(tokenizer: SoftTokenizer) -> None:
    assert isinstance(tokenizer, Encoder)
    items = [sound(tokenizer, samples) for samples in lengths(tokenizer)]
    found = tokenizer.embed(Audio.batch(items))
    assert found.lengths.tolist() == [tokenizer.spec.frames(samples) for samples in lengths(tokenizer)]
    for item, frames, length in zip(items, found.frames, found.lengths.tolist(), strict=True):
        torch.testing.assert_close(frames[:length].norm(dim=1), torch.ones(length))
        torch.testing.assert_close(frames[:length], tokenizer.embed(item).frames[0], rtol=0, atol=1e-4)


def test_silence_is_heard(tokenizer: SoftTokenizer) -> None:
    quiet = Audio.single(torch.zeros(5 * tokenizer.spec.hop), tokenizer.spec.sample_rate)
    assert tokenizer.log_probabilities(quiet).frames.isfinite().all()


def test_audio_at_another_rate_is_refused_with_the_remedy(tokenizer: SoftTokenizer) -> None:
    with pytest.raises(SpecError, match="resample"):
        tokenizer.encode(Audio.single(torch.zeros(9), tokenizer.spec.sample_rate + 1))


def test_what_is_loaded_again_is_the_same_tokenizer(tokenizer: SoftTokenizer, run: Path) -> None:
    again, audio = load_tokenizer(run), sound(tokenizer, 9 * tokenizer.spec.hop)
    assert again.spec == tokenizer.spec
    assert torch.equal(again.encode(audio).codes, tokenizer.encode(audio).codes)
