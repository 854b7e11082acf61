"""MATPAC's net: the published counts, where patches lie, and positions as the formula has them."""

import math

import pytest
import torch
from pydantic import ValidationError

from smalti.systems.matpac import EncoderNet, ModelConfig
from smalti.systems.matpac.config import EncoderConfig, PictureConfig
from smalti.systems.matpac.positions import positions

TINY = ModelConfig(
    picture=PictureConfig(bands=12), encoder=EncoderConfig(patch=(4, 5), chunk=35, width=24, layers=2, heads=3)
)


def _net(config: ModelConfig = TINY) -> EncoderNet:
    torch.manual_seed(0)
    return EncoderNet(config).eval()


def _parameters(config: ModelConfig) -> int:
    with torch.device("meta"):
        return sum(value.numel() for value in EncoderNet(config).parameters())


@pytest.mark.parametrize(("frames", "published"), [(608, 85_400_832), (992, 85_400_832 + 92_160)])
def test_the_encoder_has_the_published_parameters(frames: int, published: int):
    """Published files also hold the fixed positions of the class token and all patches, which we generate."""
    positions = (1 + frames // 16 * 5) * 768
    assert _parameters(ModelConfig()) + positions == published


def test_ten_seconds_at_n_t_608_are_190_tokens_and_the_rest():
    assert ModelConfig().rows == 5
    assert ModelConfig().dim == 3840
    assert ModelConfig().hop == 2560


@torch.no_grad()
def test_patches_are_read_by_frequency_first_and_time_within():
    net = _net()
    for band in range(3):
        for column in range(7):
            picture = torch.zeros(1, 12, 35)
            picture[0, band * 4, column * 5] = 1
            moved = (net.tokens(picture) - net.tokens(torch.zeros(1, 12, 35))).abs().amax(2)[0]
            assert moved.nonzero().flatten().tolist() == [band * 7 + column]


@torch.no_grad()
def test_patches_are_what_the_convolution_gives():
    net, picture = _net(), torch.randn(2, 12, 35, generator=torch.Generator().manual_seed(1))
    convolved = net.patch_embed.proj(picture[:, None]).flatten(2).mT
    torch.testing.assert_close(net.patch_embed(picture), convolved, rtol=1e-5, atol=1e-5)


def test_positions_are_the_formula():
    table = positions(rows=3, columns=5, width=8)
    for f in range(3):
        for t in range(5):
            waves = [
                wave(place / 10000 ** (i / 2)) for place in (t, f) for wave in (math.sin, math.cos) for i in (0, 1)
            ]
            torch.testing.assert_close(table[f * 5 + t], torch.tensor(waves), rtol=1e-6, atol=1e-6)


def test_a_place_has_one_position_in_pictures_of_any_length():
    short, long = (positions(rows=3, columns=columns, width=8).unflatten(0, (3, -1)) for columns in (5, 9))
    assert torch.equal(short, long[:, :5])


@torch.no_grad()
def test_tokens_of_a_time_step_lie_side_by_side():
    tokens = torch.arange(21.0).repeat_interleave(24).reshape(1, 21, 24)
    together = _net().by_time(tokens)
    assert together.shape == (1, 7, 72)
    assert together[0, 2].tolist() == [2.0] * 24 + [9.0] * 24 + [16.0] * 24


@torch.no_grad()
def test_the_class_token_is_heard_and_not_given():
    net, picture = _net(), torch.randn(2, 12, 35, generator=torch.Generator().manual_seed(2))
    before = net.encode(net.tokens(picture))
    assert before.shape == (2, 21, 24)
    net.cls_token += 1
    assert not torch.allclose(net.encode(net.tokens(picture)), before)


@torch.no_grad()
def test_a_choice_of_tokens_sees_only_itself():
    net, picture = _net(), torch.randn(2, 12, 35, generator=torch.Generator().manual_seed(3))
    chosen = torch.tensor([4, 0, 17])
    changed = picture.clone()
    changed[:, 4:8, 10:15] += 1  # token 9
    assert torch.equal(net.encode(net.tokens(picture)[:, chosen]), net.encode(net.tokens(changed)[:, chosen]))


def test_patches_that_do_not_fit_the_picture_are_refused():
    with pytest.raises(ValidationError, match="found patches of 7 bands and 16 frames"):
        ModelConfig(encoder=EncoderConfig(patch=(7, 16)))
