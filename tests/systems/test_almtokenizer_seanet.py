"""The codec with SEANet ends: streams of its ends, lengths and batches."""

import pytest
import torch

from smalti.core import Audio
from smalti.systems.almtokenizer import ALMTokenizer, ModelConfig, QueryNet
from smalti.systems.almtokenizer.config import CodesConfig, QueryNetConfig, SeanetEndsConfig
from smalti.systems.almtokenizer.ends import Back, Front
from smalti.systems.almtokenizer.seanet import SeanetBack, SeanetFront

ENDS = SeanetEndsConfig(dim=10, filters=2, lstm=1)
SMALL = QueryNetConfig(width=16, layers=2, heads=2, attention=16)


@pytest.fixture(scope="module")
def alm() -> ALMTokenizer:
    torch.manual_seed(0)
    config = ModelConfig(ends=ENDS, encoder=SMALL, decoder=SMALL, codes=CodesConfig(vocab=32, dim=6))
    return ALMTokenizer(QueryNet(config).eval())


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
@pytest.mark.parametrize("block", [1, 7, 75, 90])
def test_ends_in_blocks_are_ends_at_once(alm: ALMTokenizer, block: int) -> None:
    front, back = alm.net.front, alm.net.back
    assert isinstance(front, SeanetFront) and isinstance(back, SeanetBack)
    assert isinstance(front, Front) and isinstance(back, Back) and (front.ahead, back.delay) == (0, 0)
    sound = noise(90 * front.hop)[None]
    whole = front.forward(sound)
    assert whole.shape == (1, 90, ENDS.dim)
    heard, held, pieces, past = [], None, [], None
    for samples in sound.split(block * front.hop, dim=1):
        frames, held = front.step(samples, held)
        heard.append(frames)
        piece, past = back.step(frames, past=past)
        pieces.append(piece)
    for found, wanted in ((heard, whole), (pieces, back.forward(whole))):
        torch.testing.assert_close(torch.cat(found, dim=1), wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


@pytest.mark.parametrize("window", [2, 7, 10])
def test_exactly_the_samples_that_went_in_come_back_alone_and_in_a_batch(alm: ALMTokenizer, window: int) -> None:
    view = alm.at(window=window)
    items = [Audio.single(noise(length, length), 24000) for length in (1, 319, 320, 321, 24001)]
    together = view.encode(Audio.batch(items))
    for item, tokens, back in zip(items, together.items(), view.decode(together).items(), strict=True):
        alone = view.encode(item)
        assert torch.equal(tokens.codes, alone.codes)
        sound = view.decode(alone).samples
        assert sound.shape == item.samples.shape
        torch.testing.assert_close(back.samples, sound, rtol=0, atol=1e-4)
