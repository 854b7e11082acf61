"""The query codec's laws at its smallest: who hears whom, lengths, batches, views."""

import pytest
import torch

from smalti.core import Audio, ParameterError, SpecError
from smalti.systems.almtokenizer import ALMTokenizer, ModelConfig, QueryNet
from smalti.systems.almtokenizer.config import CodesConfig, QueryNetConfig, SpectralEndsConfig
from smalti.systems.almtokenizer.query import QueryDecoder, QueryEncoder

GROUPS, WINDOW, DIM = 6, 3, 5
SMALL = QueryNetConfig(width=16, layers=2, heads=2, attention=16)


def small_config() -> ModelConfig:
    ends = SpectralEndsConfig(bands=20, width=12, hidden=16, blocks=1)
    return ModelConfig(ends=ends, encoder=SMALL, decoder=SMALL, codes=CodesConfig(vocab=32, dim=6))


@pytest.fixture(scope="module")
def alm() -> ALMTokenizer:
    torch.manual_seed(0)
    return ALMTokenizer(QueryNet(small_config()).eval())


def influence(net: torch.nn.Module, given: torch.Tensor, groups_out: int, groups_in: int) -> torch.Tensor:
    """How much each group of outputs moves with each group of inputs: the largest gradient."""
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x, WINDOW), given)
    cells = jacobian[0, :, :, 0].abs().amax(dim=(1, 3))
    return cells.unflatten(0, (groups_out, -1)).unflatten(2, (groups_in, -1)).amax(dim=(1, 3))


def test_an_encoder_query_hears_the_frames_up_to_the_end_of_its_own_window() -> None:
    torch.manual_seed(1)
    net = QueryEncoder(SMALL, dim=DIM)
    found = influence(net, torch.randn(1, GROUPS * WINDOW, DIM), GROUPS, GROUPS)
    assert not found.triu(1).any() and (found.diagonal() > 0).all()


def test_frames_of_a_window_hear_their_own_query_and_those_before() -> None:
    torch.manual_seed(1)
    net = QueryDecoder(SMALL, dim=DIM)
    found = influence(net, torch.randn(1, GROUPS, DIM), GROUPS, GROUPS)
    assert not found.triu(1).any() and (found.diagonal() > 0).all()


@pytest.mark.parametrize("window", range(2, 11))
def test_exactly_the_samples_that_went_in_come_back_alone_and_in_a_batch(alm: ALMTokenizer, window: int) -> None:
    view = alm.at(window=window)
    generator = torch.Generator().manual_seed(window)
    items = [Audio.single(0.1 * torch.randn(n, generator=generator), 24000) for n in (1, 319, 320, 321, 24001)]
    together = view.encode(Audio.batch(items))
    heard = view.decode(together)
    for item, tokens, back in zip(items, together.items(), heard.items(), strict=True):
        alone = view.encode(item)
        assert torch.equal(tokens.codes, alone.codes)
        sound = view.decode(alone).samples
        assert sound.shape == item.samples.shape
        torch.testing.assert_close(back.samples, sound, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("window", "rate"), [(2, 1237.5), (3, 825), (6, 412.5), (10, 247.5)])
def test_views_cost_what_they_say(window: int, rate: float) -> None:
    torch.manual_seed(0)
    net = QueryNet(small_config().model_copy(update={"codes": CodesConfig(vocab=2048, dim=4)}))
    view = ALMTokenizer(net).at(window=window)
    assert view.spec.bitrate == pytest.approx(rate)
    assert view.at(codebooks=1).spec.bitrate == pytest.approx(rate / 3)


def test_tokens_of_one_view_are_refused_by_another(alm: ALMTokenizer) -> None:
    tokens = alm.at(window=4).encode(Audio.single(torch.zeros(5000), 24000))
    with pytest.raises(SpecError, match="hop found 1280, wanted 1600"):
        alm.at(window=5).decode(tokens)


def test_views_that_a_codec_does_not_have_are_refused(alm: ALMTokenizer) -> None:
    with pytest.raises(ParameterError, match=r"outside 2…10"):
        alm.at(window=11)
    with pytest.raises(ParameterError, match=r"1…3"):
        alm.at(codebooks=4)
