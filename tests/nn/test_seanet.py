"""SEANet's laws: the published size, causality, blocks of any size equal the whole, and the plain computation."""

import itertools

import pytest
import torch
from torch.nn import functional

from smalti.nn.causal import CausalConv1d, CausalConvTranspose1d, CausalResidual
from smalti.nn.seanet import SeanetDecoder, SeanetEncoder, SeanetSizes
from smalti.nn.weight_norm import norm_weights

SMALL = SeanetSizes(dim=5, filters=4, ratios=(2, 3))
FRAMES, HOP = 23, 6


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def nets() -> tuple[SeanetEncoder, SeanetDecoder]:
    torch.manual_seed(0)
    return SeanetEncoder(SMALL).eval(), SeanetDecoder(SMALL).eval()


def test_the_published_size_has_the_published_numbers() -> None:
    for make, wanted in ((SeanetEncoder, 7_425_792), (SeanetDecoder, 7_426_018)):
        with torch.device("meta"):
            net = make(SeanetSizes())
            norm_weights(net)
        assert sum(weight.numel() for weight in net.parameters()) == wanted


@torch.no_grad()
@pytest.mark.parametrize("block", [1, 7, 20, FRAMES])
def test_blocks_of_any_size_are_the_whole(nets: tuple[SeanetEncoder, SeanetDecoder], block: int) -> None:
    for net, given, rate in ((nets[0], random(2, 1, FRAMES * HOP), HOP), (nets[1], random(2, 5, FRAMES), 1)):
        whole, _ = net.step(given)
        pieces, past = [], None
        for piece in given.split(block * rate, dim=2):
            found, past = net.step(piece, past)
            pieces.append(found)
        torch.testing.assert_close(torch.cat(pieces, dim=2), whole, rtol=0, atol=1e-5 * float(whole.abs().max()))


def test_what_is_worked_on_at_a_time_changes_nothing() -> None:
    torch.manual_seed(0)
    for make, given in ((SeanetEncoder, random(1, 1, 600 * HOP)), (SeanetDecoder, random(1, 5, 600))):
        net = make(SMALL)
        wanted = net.step(given)[0].detach()
        with torch.no_grad():
            found, past = net.step(given)
            last, _ = net.step(given[:, :, : net.block // 256], past)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))
        longer = net.step(torch.cat([given, given[:, :, : net.block // 256]], dim=2))[0].detach()
        torch.testing.assert_close(last, longer[:, :, -last.shape[2] :], rtol=0, atol=1e-5 * float(longer.abs().max()))


def test_what_comes_later_changes_nothing_and_a_frame_hears_its_own_hop(
    nets: tuple[SeanetEncoder, SeanetDecoder],
) -> None:
    for net, shape, into, out in ((nets[0], (1, 1, 6 * HOP), HOP, 1), (nets[1], (1, 5, 6), 1, HOP)):
        jacobian = torch.autograd.functional.jacobian(lambda x, net=net: net.step(x)[0][0], random(*shape))
        seen = jacobian.abs().sum(dim=(0, 2, 3)).unflatten(0, (6, out)).unflatten(2, (6, into)).amax(dim=(1, 3))
        assert not seen.triu(1).any() and (seen.diagonal() > 0).all()


@torch.no_grad()
def test_layers_compute_what_the_paper_draws() -> None:
    torch.manual_seed(1)
    given = random(2, 4, 11)
    up = CausalConvTranspose1d(4, 3, stride=5, elu=True)
    for few_or_many in (given, random(2, 4, 31)):  # which are computed in different ways
        wanted = functional.conv_transpose1d(functional.elu(few_or_many), up.weight, up.bias, stride=5)[:, :, :-5]
        torch.testing.assert_close(up.step(few_or_many)[0], wanted)
    down = CausalConv1d(4, 3, 10, stride=5, elu=True)
    long = random(2, 4, 55)
    wanted = functional.conv1d(functional.pad(functional.elu(long), (5, 0)), down.weight, down.bias, stride=5)
    torch.testing.assert_close(down.step(long)[0], wanted)
    unit = CausalResidual(4, 3)
    near = functional.conv1d(functional.pad(functional.elu(given), (2, 0)), unit.near.weight, unit.near.bias)
    mixed = functional.conv1d(functional.elu(near), unit.mix.weight, unit.mix.bias)
    wanted = mixed + functional.conv1d(given, unit.shortcut.weight, unit.shortcut.bias)
    torch.testing.assert_close(unit.step(given)[0], wanted)


def test_learning_reaches_every_weight_normed_or_not() -> None:
    for normed, make in itertools.product((False, True), (SeanetEncoder, SeanetDecoder)):
        torch.manual_seed(0)
        net = make(SMALL)
        if normed:
            norm_weights(net)
        given = random(2, 1, 4 * HOP) if make is SeanetEncoder else random(2, 5, 4)
        net.step(given)[0].square().sum().backward()
        assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in net.parameters())


def test_before_it_has_learnt_an_encoder_tells_sounds_apart_and_a_decoder_is_heard() -> None:
    """torch's own first weights make frames of which more than nine tenths are the same whatever is heard."""
    torch.manual_seed(0)
    sizes = SeanetSizes(dim=16, filters=8, lstm=1)
    sound = torch.randn(2, 1, 24_000, generator=torch.Generator().manual_seed(1))
    frames, _ = SeanetEncoder(sizes).step(sound)
    heard = frames[:, :, 5:]
    assert 0.3 < heard.std(dim=2).mean() < 3 and heard.std(dim=2).mean() > 1.5 * heard.mean(dim=2).abs().mean()
    made, _ = SeanetDecoder(sizes).step(torch.randn(2, 16, 50))
    assert 0.3 < made.std() < 6
