"""What the transformer refuses, how far it reaches, and what conditions do to its layers."""

import math

import pytest
import torch

from smalti.core import Condition, ParameterError
from smalti.nn.fourier import CYCLES, FEATURES, fourier_features
from smalti.nn.modulation import Modulation, drop_fields
from smalti.nn.transformer import Transformer, TransformerSettings


def _settings(**changed: object) -> TransformerSettings:
    sizes: dict[str, object] = {"width": 24, "layers": 3, "heads": 2, "window": 4, "condition_width": 10}
    return TransformerSettings(**{**sizes, **changed})


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(ParameterError, match="multiple of 10"):
        _settings(heads=5)
    with pytest.raises(ParameterError, match="at least 1"):
        _settings(window=0)


def test_reach_counts_a_window_per_layer():
    assert _settings().reach == 3 * 3 + 1


def test_a_fresh_adaln_stack_is_the_identity_up_to_its_last_norm():
    torch.manual_seed(0)
    net, rows = Transformer(_settings()), torch.randn(2, 7, 24)
    assert torch.equal(net(rows, torch.randn(2, 7, 10)), net.norm(rows))


def test_modulation_starts_as_the_identity():
    rows = torch.randn(2, 5, 8)
    for kind in ("adaln", "film"):
        parts = Modulation(condition_width=6, width=8, layers=3, kind=kind)(torch.randn(2, 5, 6))
        assert len(parts) == 3
        assert all(torch.equal(branch.before(rows), rows) for pair in parts for branch in pair)
    assert torch.equal(parts[0][0].onto(rows, rows), 2 * rows)


def test_a_modulated_branch_is_scaled_shifted_and_gated():
    net = Modulation(condition_width=6, width=8, layers=1, kind="adaln")
    torch.nn.init.normal_(net.project.bias)
    branch = net(torch.randn(2, 1, 6))[0][1]
    rows = torch.randn(2, 5, 8)
    assert torch.allclose(branch.before(rows), rows * branch.gain + branch.shift, atol=1e-6)
    assert torch.allclose(branch.onto(rows, 2 * rows), rows + 2 * rows * branch.gate)


def test_fields_are_dropped_each_on_its_own_for_whole_rows():
    condition = Condition(torch.ones(4000, 3, dtype=torch.int64), torch.full((4000, 3, 2), 0.5))
    kept = drop_fields(condition, rate=0.1, generator=torch.Generator().manual_seed(0))
    label, values = kept.labels == -1, kept.values.isnan()
    for field in (label, values[..., 0], values[..., 1]):
        assert torch.equal(field.any(1), field.all(1))
        assert 0.07 < field.float().mean() < 0.13
    assert 0.005 < (label & values[..., 0]).float().mean() < 0.02
    untouched = drop_fields(condition, rate=0.0, generator=torch.Generator())
    assert torch.equal(untouched.labels, condition.labels)


def test_fourier_features_are_slow_waves():
    values = torch.linspace(0, 1, 5)
    features = fourier_features(values)
    assert features.shape == (5, FEATURES)
    assert math.isclose(CYCLES[0], 0.25) and math.isclose(CYCLES[-1], 2)
    assert torch.allclose(features[:, 0], torch.sin(torch.pi / 2 * values), atol=1e-6)
    assert torch.equal(features[0, len(CYCLES) :], torch.ones(len(CYCLES)))


def test_rows_that_see_all_see_later_ones_and_never_the_absent():
    torch.manual_seed(0)
    net = Transformer(_settings(modulation="film")).eval()
    rows, told = torch.randn(2, 9, 24), torch.randn(2, 1, 10)
    present = torch.ones(2, 9, dtype=torch.bool)
    present[1, 6:] = False
    found = net(rows, told, present=present)
    later, absent = rows.clone(), rows.clone()
    later[0, 8] += 1
    absent[1, 7] += 1
    assert not torch.allclose(net(later, told, present=present)[0, 0], found[0, 0], atol=1e-6)
    assert torch.equal(net(absent, told, present=present)[1, :6], found[1, :6])
    alone = net(rows[1:, :6], told[1:], present=present[1:, :6])
    torch.testing.assert_close(alone, found[1:, :6], rtol=0, atol=1e-5)


def test_rows_in_pieces_shorter_and_longer_than_the_window_are_the_whole_of_each_history():
    torch.manual_seed(0)
    net, rows = Transformer(_settings(condition_width=0)).eval(), torch.randn(2, 40, 24)
    whole = net(rows)
    cache, found = net.cache(2, rows.device), []
    for piece in rows.split([1, 9, 3, 4, 5, 1, 17], dim=1):
        found.append(net(piece, cache=cache))
    torch.testing.assert_close(torch.cat(found, dim=1), whole, rtol=0, atol=1e-5)
    cache.reset(torch.tensor([1]))
    again = net(rows[:, :11], cache=cache)
    torch.testing.assert_close(again[1], whole[1, :11], rtol=0, atol=1e-5)
    onward = net(torch.cat([rows, rows[:, :11]], dim=1))[:, 40:]
    torch.testing.assert_close(again[0], onward[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("told", ["", "adaln", "film"])
def test_one_row_at_a_time_is_heard_as_by_the_layers_that_train(batch: int, stride: int, told: str):
    torch.manual_seed(0)
    kind = {"modulation": told} if told else {"condition_width": 0}
    net = Transformer(_settings(width=64, stride=stride, **kind)).eval()
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    rows = torch.randn(batch, 11, 64)
    asked = torch.randn(batch, 3, 10).repeat_interleave(4, dim=1)[:, :11] if told else None  # moves, and stays a while
    whole, cache = net(rows, asked).detach(), net.cache(batch, rows.device)
    with torch.no_grad():
        for at in range(11):
            condition = None if asked is None else asked[:, at : at + 1]
            heard = net(rows[:, at : at + 1], condition, cache)
            torch.testing.assert_close(heard, whole[:, at : at + 1], rtol=0, atol=1e-5)
    assert cache.one_row is not None


@pytest.mark.parametrize("why", ["gradient", "training"])
def test_the_short_way_of_one_row_is_left_to_those_who_only_ask(why: str):
    net = Transformer(_settings(condition_width=0)).train(why == "training")
    cache, row = net.cache(2, torch.device("cpu")), torch.randn(2, 1, 24)
    with torch.set_grad_enabled(why == "gradient"):
        heard = net(row, cache=cache)
    assert cache.one_row is None
    assert heard.requires_grad == (why == "gradient")
