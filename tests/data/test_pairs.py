"""Rows of a step: what belongs together, by whom, and again at every asking."""

from collections import Counter

import pytest

from smalti.core import DataError
from smalti.data.pairs import Pairs

LABELS = ["one"] * 4 + ["two"] * 3 + ["six"] * 2
SPEAKERS = ["a", "a", "b", "b", "a", "a", "b", "a", "b"]


def test_takes_of_a_label_come_from_its_speakers_in_turn() -> None:
    pairs = Pairs(LABELS, speakers=SPEAKERS, classes=3, takes=2, seed=5)
    for step in range(20):
        drawn = pairs.draw(step)
        assert len(drawn.clips) == 6 and Counter(drawn.kinds) == {0: 2, 1: 2, 2: 2}
        for first, second in zip(drawn.clips[::2], drawn.clips[1::2], strict=True):
            assert LABELS[first] == LABELS[second] and SPEAKERS[first] != SPEAKERS[second]
        assert not any(drawn.copies) and set(drawn.rounds) == {0}


def test_more_takes_than_there_are_begin_again_as_copies() -> None:
    drawn = Pairs(LABELS, classes=3, takes=4).draw(0)
    for kind in range(3):
        rows = [row for row, own in enumerate(drawn.kinds) if own == kind]
        repeated = [
            drawn.clips[row] in [drawn.clips[other] for other in rows[:place]] for place, row in enumerate(rows)
        ]
        assert [drawn.copies[row] for row in rows] == repeated
    assert any(drawn.copies)


def test_without_labels_a_clip_is_paired_with_its_copy() -> None:
    drawn = Pairs([str(clip) for clip in range(5)], classes=2).draw(3)
    assert drawn.clips[0] == drawn.clips[1] != drawn.clips[2] == drawn.clips[3]
    assert drawn.copies == [False, True, False, True]


def test_a_triplet_is_anchor_positive_and_one_of_another_label() -> None:
    drawn = Pairs(LABELS, mode="triplet", classes=2).draw(1)
    assert drawn.rounds == [0, 0, 0, 1, 1, 1]
    for anchor, positive, negative in (drawn.kinds[:3], drawn.kinds[3:]):
        assert anchor == positive != negative


def test_a_single_clip_has_nobody_else() -> None:
    drawn = Pairs(LABELS, mode="single", classes=3).draw(1)
    assert len(drawn.clips) == 3 and drawn.rounds == [0, 1, 2]


def test_a_subset_is_kept_for_an_epoch_and_drawn_anew_for_the_next() -> None:
    labels = [name for name in "uvwx" for _ in range(20)]
    pairs = Pairs(labels, classes=4, takes=2, subset=0.3, seed=1)
    epochs = [
        {
            clip
            for step in range(pairs.steps_per_epoch)
            for clip in pairs.draw(epoch * pairs.steps_per_epoch + step).clips
        }
        for epoch in range(4)
    ]
    assert all(len(epoch) <= 40 for epoch in epochs) and len(set.union(*epochs)) > 40


def test_rows_are_the_same_at_every_asking_and_others_at_another_seed() -> None:
    first, again, other = (Pairs(LABELS, classes=3, takes=2, seed=seed) for seed in (1, 1, 2))
    assert [first.draw(step) for step in (4, 0)] == [again.draw(step) for step in (4, 0)]
    assert [first.draw(step) for step in range(4)] != [other.draw(step) for step in range(4)]


def test_one_label_alone_is_refused() -> None:
    with pytest.raises(DataError, match="found 1 labels"):
        Pairs(["rain"] * 5, classes=2)
