"""Laws of batches: functions of (seed, step), every clip once an epoch, crops inside their clips."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.core import ParameterError
from smalti.data.batches import choose_clips, choose_starts, step_generator


@given(st.integers(0, 2**40), st.integers(1, 7), st.integers(1, 9))
def test_every_clip_comes_once_in_every_epoch(seed, batch, clips):
    seen = torch.cat([choose_clips(seed, step, batch=batch, clips=clips) for step in range(3 * clips)])
    for epoch in seen[: len(seen) // clips * clips].split(clips):
        assert sorted(epoch.tolist()) == list(range(clips))


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = [choose_clips(seed, epoch, batch=50, clips=50).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4


@given(st.integers(0, 2**40), st.integers(0, 10**6), st.lists(st.integers(0, 50), min_size=1, max_size=5))
def test_crops_lie_inside_their_clips_and_repeat(seed, step, lengths):
    found = choose_starts(seed, step, lengths=torch.tensor(lengths), crop=11)
    assert all(0 <= start <= max(0, length - 11) for start, length in zip(found.tolist(), lengths, strict=True))
    assert torch.equal(found, choose_starts(seed, step, lengths=torch.tensor(lengths), crop=11))


def test_every_place_for_a_crop_is_equally_likely():
    found = torch.cat([choose_starts(0, step, lengths=torch.full((50,), 14), crop=11) for step in range(80)])
    assert torch.bincount(found, minlength=4).tolist() == pytest.approx([1000] * 4, rel=0.12)


def test_generators_of_a_step_are_equal_and_of_two_steps_are_not():
    first, again, other = (torch.rand(3, generator=step_generator(5, step)) for step in (7, 7, 8))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_no_clips_are_refused():
    with pytest.raises(ParameterError, match="no clips"):
        choose_clips(0, 0, batch=2, clips=0)
