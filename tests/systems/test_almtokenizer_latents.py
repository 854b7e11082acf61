"""The query codec's latents: as many as tokens, the same in any batch, and heard again as its tokens are."""

import pytest
import torch

from smalti.core import Audio, Embedding, Encoder, LatentCodec, ParameterError, SpecError
from smalti.systems.almtokenizer import ALMTokenizer, ModelConfig, QueryNet
from smalti.systems.almtokenizer.config import CodesConfig, QueryNetConfig, SpectralEndsConfig

SMALL = QueryNetConfig(width=16, layers=1, heads=2, attention=16)


@pytest.fixture(scope="module")
def alm() -> ALMTokenizer:
    torch.manual_seed(0)
    ends = SpectralEndsConfig(bands=20, width=12, hidden=16, blocks=1)
    codes = CodesConfig(codebooks=2, vocab=32, dim=6)
    return ALMTokenizer(QueryNet(ModelConfig(ends=ends, encoder=SMALL, decoder=SMALL, codes=codes)).eval(), window=3)


def noises(*lengths: int) -> list[Audio]:
    generator = torch.Generator().manual_seed(len(lengths))
    return [Audio.single(0.1 * torch.randn(n, generator=generator), 24000) for n in lengths]


def test_a_view_is_an_encoder_whose_vectors_can_be_heard(alm: ALMTokenizer) -> None:
    assert isinstance(alm, Encoder) and isinstance(alm, LatentCodec)
    assert (alm.sample_rate, alm.hop, alm.dim) == (24000, 960, 6) and alm.at(window=7).hop == 2240


@pytest.mark.parametrize("window", [2, 3, 10])
def test_there_is_a_latent_for_every_hop_begun_alone_as_in_a_batch(alm: ALMTokenizer, window: int) -> None:
    view, items = alm.at(window=window), noises(1, 319, 320 * window, 320 * window + 1, 24001)
    together = view.embed(Audio.batch(items))
    assert together.lengths.tolist() == [view.spec.frames(item.samples.shape[1]) for item in items]
    for item, vectors, length in zip(items, together.frames, together.lengths.tolist(), strict=True):
        alone = view.embed(item)
        assert alone.lengths.tolist() == [length] == [alone.frames.shape[1]]
        torch.testing.assert_close(vectors[:length], alone.frames[0], rtol=0, atol=1e-5)
        assert not vectors[length:].any()


@pytest.mark.parametrize("codebooks", [1, 2])
def test_a_sounds_own_latents_sound_as_its_tokens_do(alm: ALMTokenizer, codebooks: int) -> None:
    view, audio = alm.at(codebooks=codebooks), Audio.batch(noises(1, 959, 5000))
    heard = view.decode_latents(view.embed(audio), audio.lengths)
    wanted = view.decode(view.encode(audio))
    assert torch.equal(heard.lengths, wanted.lengths) and torch.equal(heard.samples, wanted.samples)
    free = view.decode_latents(view.embed(audio), audio.lengths, quantized=False)
    assert free.samples.shape == heard.samples.shape and not torch.equal(free.samples, heard.samples)


def test_latents_that_do_not_fit_are_refused(alm: ALMTokenizer) -> None:
    latents = alm.embed(noises(5000)[0])
    with pytest.raises(ParameterError, match=r"\[6\] latents for \[9000\] samples, wanted one for every 960"):
        alm.decode_latents(latents, torch.tensor([9000]))
    with pytest.raises(SpecError, match="latents of 4 numbers, wanted 6"):
        alm.decode_latents(Embedding(latents.frames[..., :4], latents.lengths), torch.tensor([5000]))
    with pytest.raises(SpecError, match="resample"):
        alm.embed(Audio.single(torch.zeros(9), 16000))
