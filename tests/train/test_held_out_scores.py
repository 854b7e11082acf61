"""What recipes of codecs say of held-out recordings."""

import pytest
import torch

from smalti.train.held_out import HeldOutScores


def test_scores_are_means_over_recordings_and_use_of_each_codebook() -> None:
    codes = torch.tensor([[0, 0, 1, 1], [4, 4, 4, 4]])
    scores = HeldOutScores.of({"log_mel_l1_db": [1.0, 2.0, 6.0]}, codes, 5)
    assert scores.metrics == pytest.approx(
        {"log_mel_l1_db": 3.0, "usage_0": 0.4, "usage_1": 0.2, "perplexity_0": 2.0, "perplexity_1": 1.0}
    )
    assert scores.hits.tolist() == [[2, 2, 0, 0, 0], [0, 0, 0, 0, 4]]
