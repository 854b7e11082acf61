"""Laws of weights and checkpoints: what goes in comes out, and nothing damaged is ever believed."""

import json
import logging
import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from faults.damage import cuts, files_of, flips, replaced, temps_of
from faults.writes import full_at, size_limit
from smalti.core import StoreError
from smalti.store import (
    fingerprint,
    load_checkpoint,
    load_latest,
    load_weights,
    save_checkpoint,
    save_latest,
    save_weights,
    verify,
)
from smalti.store.flatten import flatten, unflatten

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.uint16, torch.bool]


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    return type(a) is type(b) and (a == b or a != a)


tensors = st.builds(
    lambda dtype, shape: torch.arange(torch.Size(shape).numel()).reshape(shape).to(dtype),
    st.sampled_from(DTYPES),
    st.lists(st.integers(0, 3), max_size=3),
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | tensors
keys = st.text(max_size=5) | st.integers() | st.sampled_from(["$tensor", "$tuple", "a/b", "a", "0"])
states = st.dictionaries(
    keys,
    st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(keys, inner, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=3,
)


@given(states)
def test_any_nested_state_comes_back_exactly(state):
    text, parts = flatten(state)
    assert equal(unflatten(text, parts), state)


def trained(steps=3):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 2))
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(steps):
        model(torch.randn(3, 5)).square().sum().backward()
        optimiser.step()
    return {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "progress": {"step": steps, "x": 0.1}}


def test_an_optimisers_state_comes_back_exactly_from_disk(tmp_path):
    state = trained()
    save_checkpoint(tmp_path / "c", state)
    back = load_checkpoint(tmp_path / "c")
    assert equal(back["optimiser"], state["optimiser"]) and equal(dict(state["model"]), back["model"])
    names = {"model.safetensors", "optimiser.safetensors", "state.json", "SHA256SUMS"}
    assert set(files_of(tmp_path / "c")) == names


def test_what_is_loaded_can_be_changed_in_place_without_touching_the_disk(tmp_path):
    save_checkpoint(tmp_path / "c", trained())
    state = load_checkpoint(tmp_path / "c")
    for tensor in state["model"].values():
        tensor.add_(1)
    assert equal(load_checkpoint(tmp_path / "c")["model"], dict(trained()["model"]))


def test_equal_states_give_equal_bytes(tmp_path):
    for name in "ab":
        save_checkpoint(tmp_path / name, trained())
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


@pytest.mark.parametrize("bad", [object(), {1.5: 0}, {None: 0}, b"bytes", torch.float32, {"a": {True: 0}}])
def test_a_value_that_cannot_be_stored_is_refused_by_its_place(bad):
    with pytest.raises(StoreError, match="model/1"):
        flatten({"model": [0, bad]})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_tensors_are_never_saved(tmp_path, value):
    bad = {"model": {"bias": torch.tensor([0.0, value])}}
    with pytest.raises(StoreError, match="model/bias holds NaN or Inf"):
        save_latest(tmp_path, 3, bad)
    with pytest.raises(StoreError, match="bias"):
        save_weights(tmp_path / "w.safetensors", bad["model"], {})
    assert files_of(tmp_path) == {}


def test_the_last_three_checkpoints_stay_and_an_abandoned_future_goes(tmp_path):
    for step in (100, 200, 300, 400, 250):
        save_latest(tmp_path, step, {"progress": {"step": step}})
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-00000200", "step-00000250"]
    assert (tmp_path / "latest").read_text() == "checkpoints/step-00000250\n"
    for step in (300, 400):
        save_latest(tmp_path, step, {"progress": {"step": step}})
    assert len(list((tmp_path / "checkpoints").iterdir())) == 3
    found = load_latest(tmp_path)
    assert found is not None and (found.step, found.state) == (400, {"progress": {"step": 400}})


def test_a_run_without_checkpoints_has_no_latest(tmp_path):
    assert load_latest(tmp_path) is None
    with pytest.raises(StoreError, match="is missing"):
        load_checkpoint(tmp_path / "step-00000001")


@pytest.mark.parametrize("said", [None, "", "checkpoints/step-00000900", "../elsewhere", "\0"])
def test_a_wrong_latest_file_falls_back_to_the_newest(tmp_path, said):
    for step in (1, 2):
        save_latest(tmp_path, step, {"progress": {"step": step}})
    (tmp_path / "latest").unlink()
    if said is not None:
        (tmp_path / "latest").write_text(said)
    found = load_latest(tmp_path)
    assert found is not None and found.step == 2


def test_every_flip_and_cut_of_a_checkpoint_is_noticed_and_the_one_before_used(tmp_path, caplog):
    save_latest(tmp_path, 1, trained(1))
    good = save_latest(tmp_path, 2, trained(2))
    wrong = 0
    for number, (name, data) in enumerate(files_of(good).items()):
        for bad in [*flips(data, count=50, seed=number), *cuts(data, count=5, seed=number), data + b"\n"]:
            with replaced(good / name, bad), caplog.at_level(logging.WARNING):
                caplog.clear()
                found = load_latest(tmp_path)
                wrong += found is None or found.step != 1 or good.name not in caplog.text
    assert wrong == 0


def test_a_missing_and_an_extra_file_are_noticed(tmp_path):
    save_checkpoint(tmp_path / "c", trained())
    (tmp_path / "c" / "extra").touch()
    with pytest.raises(StoreError, match="extra is not listed"):
        load_checkpoint(tmp_path / "c")
    (tmp_path / "c" / "extra").unlink()
    (tmp_path / "c" / "optimiser.safetensors").unlink()
    with pytest.raises(StoreError, match=r"optimiser\.safetensors is missing"):
        load_checkpoint(tmp_path / "c")


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(tmp_path):
    folder = save_latest(tmp_path, 1, trained(1))
    (folder / "state.json").write_bytes(b"")
    with pytest.raises(StoreError, match=r"no checkpoint .* can be used.*state\.json: SHA-256 differs"):
        load_latest(tmp_path)
    (tmp_path / "config.toml").touch()
    assert verify(tmp_path) == [f"{folder}: state.json: SHA-256 differs"]


def test_a_disk_that_fills_at_any_write_of_a_save_is_told_and_the_last_checkpoint_loads(tmp_path):
    state = trained(1)
    save_latest(tmp_path, 1, state)
    number, told = 0, 0
    while True:
        with full_at(number) as full:
            try:
                save_latest(tmp_path, 2, state)
            except StoreError as error:
                told += "no space left" in str(error) and "bytes" in str(error) and str(tmp_path) in str(error)
        if full.left >= 0:
            break
        number += 1
        found = load_latest(tmp_path)
        assert found is not None and temps_of(tmp_path) == []
    assert number > 12 and told == number
    assert load_latest(tmp_path).step == 2


def test_a_file_size_limit_is_told_with_the_bytes_needed_and_a_save_goes_on_afterwards(tmp_path):
    state = {"model": {"weight": torch.zeros(1000)}}
    with size_limit(2000), pytest.raises(StoreError, match=r"no space left.*step-00000001.*4\d\d\d bytes"):
        save_latest(tmp_path, 1, state)
    assert files_of(tmp_path) == {} and temps_of(tmp_path) == []
    save_latest(tmp_path, 1, state)
    assert load_latest(tmp_path).step == 1


def test_weights_come_back_with_their_words_and_equal_weights_give_equal_bytes(tmp_path):
    weights = {"a": torch.randn(2, 3), "b": torch.ones((), dtype=torch.bfloat16), "c": torch.zeros(0, 4)}
    words = {"spec": '{"hop": 3}', "name": "ä"}
    for name in ("one", "two"):
        save_weights(tmp_path / name, dict(reversed(weights.items())), words)
    back = load_weights(tmp_path / "one")
    assert back.metadata == words and all(equal(back.tensors[k], weights[k]) for k in weights)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_tied_and_transposed_weights_are_saved_as_they_read(tmp_path):
    weight = torch.randn(3, 5)
    save_weights(tmp_path / "w", {"a": weight, "b": weight, "c": weight.T}, {})
    assert torch.equal(load_weights(tmp_path / "w").tensors["c"], weight.T)


@given(st.randoms(use_true_random=False))
def test_the_fingerprint_ignores_order_and_sees_everything_else(random):
    base = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([[3]])}
    items = list(base.items())
    random.shuffle(items)
    assert fingerprint(dict(items), "s") == fingerprint(base, "s")
    others = [
        fingerprint(base, "t"),
        fingerprint({"a": base["a"], "c": base["b"]}, "s"),
        fingerprint({**base, "a": torch.tensor([[1.0, 2.0]])}, "s"),
        fingerprint({**base, "a": torch.tensor([1.0, 2.0 + 2**-20])}, "s"),
        fingerprint({**base, "b": torch.tensor([[3]], dtype=torch.int32)}, "s"),
    ]
    assert len({fingerprint(base, "s"), *others}) == 6


def test_every_flip_and_cut_of_weights_is_noticed(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, trained(1)["model"], {"a": "b"})
    data = path.read_bytes()
    for bad in [*flips(data, count=200, seed=0), *cuts(data, count=20, seed=0)]:
        with replaced(path, bad), pytest.raises(StoreError):
            load_weights(path)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80\x04.", struct.pack("<Q", 1 << 32) + b"{}", struct.pack("<Q", 2) + b"{}",
     struct.pack("<Q", 1 << 63) + b"{" * 100,
     (lambda h: struct.pack("<Q", len(h)) + h)(json.dumps(
         {"x": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode())],
)  # fmt: skip
def test_what_is_not_our_weights_is_refused(tmp_path, data):
    (tmp_path / "w.safetensors").write_bytes(data)
    with pytest.raises(StoreError, match=r"w\.safetensors"):
        load_weights(tmp_path / "w.safetensors")
    assert len(verify(tmp_path / "w.safetensors")) == 1
