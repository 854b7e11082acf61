"""Sounds between sounds begin and end as their ends do, for any codec whose vectors can be heard."""

import pytest
import torch

from smalti.core import Audio, Embedding, LatentCodec, ParameterError, Tokens, TokenSpec
from smalti.generate import LatentSound, Way, between, centroid, gliding, latents_of, morphed, shifted, sound_of

HOP = 4


class HopCodec:
    """Its latents are the samples of a hop, its codes the nearest quarters."""

    sample_rate, hop, dim = 100, HOP, HOP

    @property
    def spec(self) -> TokenSpec:
        return TokenSpec(sample_rate=100, hop=HOP, codebooks=HOP, vocab=99, tokenizer="0" * 64)

    def embed(self, audio: Audio) -> Embedding:
        padded = torch.nn.functional.pad(audio.zero_padded().samples, (0, -audio.samples.shape[1] % HOP))
        return Embedding(padded.unflatten(1, (-1, HOP)), -(-audio.lengths // HOP))

    def encode(self, audio: Audio) -> Tokens:
        return Tokens((4 * self.embed(audio).frames).round().long().mT % 99, self.spec, audio.lengths)

    def decode(self, tokens: Tokens) -> Audio:
        frames = tokens.codes.mT.double() / 4
        longest = int(tokens.lengths.max())
        return Audio(frames.flatten(1)[:, :longest].float(), 100, tokens.lengths).zero_padded()

    def decode_latents(self, latents: Embedding, lengths: torch.Tensor, *, quantized: bool = True) -> Audio:
        assert torch.equal(latents.lengths, -(-lengths // HOP))
        frames = (4 * latents.frames).round() / 4 if quantized else latents.frames
        return Audio(frames.flatten(1)[:, : int(lengths.max())].float(), 100, lengths).zero_padded()


def ends() -> tuple[LatentSound, LatentSound]:
    generator = torch.Generator().manual_seed(0)
    recordings = [Audio.single(torch.rand(n, generator=generator), 100) for n in (30, 9)]
    first, second = (latents_of(HopCodec(), audio) for audio in recordings)
    return first, second


def test_a_sounds_own_latents_give_its_own_reconstruction() -> None:
    codec, audio = HopCodec(), Audio.single(torch.rand(30, generator=torch.Generator().manual_seed(0)), 100)
    assert isinstance(codec, LatentCodec)
    own = sound_of(codec, latents_of(codec, audio))
    assert torch.equal(own.samples, codec.decode(codec.encode(audio)).samples)
    assert torch.equal(sound_of(codec, latents_of(codec, audio), quantized=False).samples, audio.samples)


@pytest.mark.parametrize("way", ["slerp", "linear"])
def test_the_ends_of_a_morph_are_the_sounds_themselves_bit_for_bit(way: Way) -> None:
    for share, end in zip((0.0, 1.0), ends(), strict=True):
        found = morphed(*ends(), share, hop=HOP, way=way)
        assert found.samples == end.samples and torch.equal(found.frames, end.frames)


def test_half_way_the_shorter_sound_is_heard_again_from_its_beginning() -> None:
    first, second = ends()
    found = morphed(first, second, 0.5, hop=HOP)
    assert found.samples == 20 and len(found.frames) == 5
    for place, frame in enumerate(found.frames):
        torch.testing.assert_close(frame, (first.frames[place] + second.frames[place % 3]) / 2)


def test_a_glide_begins_as_the_first_passes_the_second_and_ends_as_the_last() -> None:
    first, second = ends()
    third = LatentSound(torch.full((1, HOP), 7.0), 1)
    found = gliding([first, second, third], samples=9 * HOP - 1, hop=HOP)
    assert found.samples == 35 and len(found.frames) == 9
    assert torch.equal(found.frames[0], first.frames[0])
    torch.testing.assert_close(found.frames[4], second.frames[4 % 3])
    torch.testing.assert_close(found.frames[6], (second.frames[0] + third.frames[0]) / 2)
    assert torch.equal(found.frames[8], third.frames[0])
    with pytest.raises(ParameterError, match="found 1 sounds"):
        gliding([first], samples=9, hop=HOP)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_shift_moves_the_mean_and_nothing_else(share: float) -> None:
    first, second = ends()
    found = shifted(first, second.mean, share)
    wanted = (1 - share) * first.mean + share * second.mean
    torch.testing.assert_close(found.mean, wanted, rtol=0, atol=1e-7)
    torch.testing.assert_close(found.frames - found.frames[0], first.frames - first.frames[0], rtol=0, atol=1e-6)
    assert found.samples == first.samples
    if not share:
        assert torch.equal(found.frames, first.frames)


def test_a_centroid_is_a_sound_of_one_latent_to_which_each_sound_counts_alike() -> None:
    first, second = ends()
    found = centroid([first, second], 11)
    torch.testing.assert_close(found.frames[0].double(), (first.mean + second.mean) / 2)
    heard = sound_of(HopCodec(), found, quantized=False).samples[0]
    assert len(heard) == 11 and torch.equal(heard[:4], heard[4:8])
    with pytest.raises(ParameterError, match="no sounds"):
        centroid([], 11)


def test_ways_of_many_latents_at_once_are_those_of_each() -> None:
    generator = torch.Generator().manual_seed(1)
    one, two = torch.randn(2, 5, 3, generator=generator), torch.randn(2, 5, 3, generator=generator)
    shares = torch.rand(2, 5, generator=generator)
    one[0, 0] = two[0, 0]  # no angle
    one[1, 1] = 0  # no direction
    found = between(one, two, shares)
    for row in range(2):
        for place in range(5):
            alone = between(one[row, place], two[row, place], float(shares[row, place]))
            torch.testing.assert_close(found[row, place], alone)


def test_several_recordings_or_none_are_refused() -> None:
    pair = Audio.batch([Audio.single(torch.zeros(3), 100), Audio.single(torch.zeros(5), 100)])
    for audio in (pair, Audio.single(torch.zeros(0), 100)):
        with pytest.raises(ParameterError, match="wanted one with sound in it"):
            latents_of(HopCodec(), audio)
