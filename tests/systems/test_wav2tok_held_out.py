"""Recordings find each other by their strings under each other's frames."""

import pytest
import torch

from smalti.systems.wav2tok.held_out import find_each_other
from smalti.systems.wav2tok.net import Heard


def heard(codes: list[int], vocab: int = 7) -> Heard:
    """Frames that are nearly sure of these codes."""
    logs = (9.0 * torch.nn.functional.one_hot(torch.tensor([codes]), vocab)).log_softmax(dim=2)
    return Heard(torch.zeros(1, len(codes), 2), logs, torch.tensor([len(codes)]))


WORDS = [heard([1, 1, 2, 3]), heard([1, 2, 2, 3, 3]), heard([4, 4, 5]), heard([4, 5, 5, 5])]


def test_the_same_string_at_another_pace_is_found_first() -> None:
    scores = find_each_other(WORDS, ["a", "a", "b", "b"], None)
    assert scores is not None and (scores.mrr, scores.map) == (1, 1)
    wrong = find_each_other(WORDS, ["a", "b", "a", "b"], None)
    assert wrong is not None and wrong.mrr < 0.6


def test_nobody_finds_a_recording_of_the_same_speaker_unless_that_leaves_nothing() -> None:
    labels = ["a", "a", "b", "b"]
    five, names = [*WORDS, heard([4, 5, 1])], [*labels, "a"]
    free, apart = (find_each_other(five, names, speakers) for speakers in (None, ["x", "x", "y", "z", "w"]))
    assert free is not None and apart is not None and apart.mrr < free.mrr
    together = find_each_other(WORDS, labels, ["x"] * 4)
    assert together is not None and together.mrr == pytest.approx(1)


def test_where_nothing_is_to_be_found_there_is_no_score() -> None:
    assert find_each_other(WORDS, ["a", "b", "c", "d"], None) is None
    assert find_each_other([], [], None) is None
