"""Folded weights are the weights that were used, in either form of their names."""

import torch
from torch import nn

from smalti.nn.weight_norm import fold_weights, norm_weights


def test_a_folded_net_sounds_as_the_normed_one() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv1d(3, 5, 3), nn.ConvTranspose1d(5, 2, 4, stride=2))
    before = layers(torch.ones(1, 3, 9))
    norm_weights(layers)
    with torch.no_grad():
        layers[0].parametrizations.weight.original0.mul_(2)
    after = layers(torch.ones(1, 3, 9))
    plain = nn.Sequential(nn.Conv1d(3, 5, 3), nn.ConvTranspose1d(5, 2, 4, stride=2))
    plain.load_state_dict(fold_weights(layers.state_dict()))
    torch.testing.assert_close(plain(torch.ones(1, 3, 9)), after)
    assert not torch.allclose(before, after)


def test_both_forms_of_names_fold_to_the_same() -> None:
    length, direction = torch.rand(4, 1, 1), torch.randn(4, 2, 3)
    old = fold_weights({"a.weight_g": length, "a.weight_v": direction, "a.bias": torch.ones(4)})
    new = fold_weights(
        {"a.parametrizations.weight.original0": length, "a.parametrizations.weight.original1": direction}
    )
    assert old.keys() == {"a.weight", "a.bias"}
    assert torch.equal(old["a.weight"], new["a.weight"])
    assert torch.allclose(old["a.weight"].flatten(1).norm(dim=1), length.flatten())
