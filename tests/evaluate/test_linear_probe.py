"""The linear reading is scikit-learn's, and so are the scores, with weights and ties."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from smalti.core import ParameterError
from smalti.evaluate.linear_probe import LinearReading
from smalti.evaluate.weighted_scores import weighted_accuracy, weighted_area, weighted_precision


def noise(*shape: int, seed: int) -> torch.Tensor:
    """Numbers of a seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def clouds(rows: int, dim: int, classes: int, *, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise around a centre for each class, features of very different sizes; and the classes."""
    owner = torch.arange(rows) % classes
    points = noise(classes, dim, seed=99)[owner] + noise(rows, dim, seed=seed)
    return points * torch.logspace(-3, 3, dim) + 5, owner


@pytest.mark.parametrize("dim", [6, 60])  # fewer than the rows, and more
@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_one_class_a_row_is_read_as_scikit_learn_reads_it(dim: int, strength: float) -> None:
    train, known = clouds(40, dim, 4, seed=0)
    test, _ = clouds(11, dim, 4, seed=1)
    scaler = StandardScaler().fit(train.double().numpy())
    oracle = LogisticRegression(C=strength, max_iter=5000, tol=1e-10)
    oracle.fit(scaler.transform(train.double().numpy()), known.numpy())
    wanted = oracle.predict_proba(scaler.transform(test.double().numpy()))
    reading = LinearReading.of(train, torch.nn.functional.one_hot(known).float(), test)
    np.testing.assert_allclose(reading.scores(strength).scores.numpy(), wanted, atol=1e-3)


def test_several_classes_a_row_are_as_many_questions() -> None:
    train, test = noise(50, 7, seed=2), noise(13, 7, seed=3)
    targets = (train[:, :3] + noise(50, 3, seed=4) > 0).float()
    scaler = StandardScaler().fit(train.numpy())
    found = LinearReading.of(train, targets, test, several=True).scores(0.1).scores
    for column in range(3):
        oracle = LogisticRegression(C=0.1, max_iter=5000, tol=1e-10).fit(
            scaler.transform(train.numpy()), targets[:, column].numpy()
        )
        wanted = oracle.predict_proba(scaler.transform(test.numpy()))[:, 1]
        np.testing.assert_allclose(found[:, column].numpy(), wanted, atol=1e-3)


def test_a_path_of_strengths_ends_where_each_fit_alone_does() -> None:
    train, known = clouds(30, 8, 3, seed=5)
    reading = LinearReading.of(train, torch.nn.functional.one_hot(known).float(), clouds(9, 8, 3, seed=6)[0])
    strengths = (0.01, 0.1, 1.0)
    for strength, scores in zip(strengths, reading.path(strengths), strict=True):
        torch.testing.assert_close(scores, reading.scores(strength).scores, atol=1e-3, rtol=0)


def test_one_class_alone_cannot_be_told_apart() -> None:
    with pytest.raises(ParameterError, match="found 5 rows of 1 classes, wanted two"):
        LinearReading.of(noise(5, 2, seed=0), torch.ones(5, 1), noise(2, 2, seed=1))


def test_scores_with_weights_are_scikit_learns() -> None:
    scores = noise(37, 3, seed=7).round(decimals=0)  # many ties
    truth = noise(37, 3, seed=8) > 0.3
    weights = torch.randint(0, 4, (5, 37), generator=torch.Generator().manual_seed(9)).double()
    precision, area = weighted_precision(scores, truth, weights), weighted_area(scores, truth, weights)
    for draw, own in enumerate(weights.numpy()):
        wanted = average_precision_score(truth.numpy(), scores.numpy(), sample_weight=own)
        assert float(precision[draw]) == pytest.approx(float(wanted), abs=1e-9)
        assert float(area[draw]) == pytest.approx(float(roc_auc_score(truth, scores, sample_weight=own)), abs=1e-9)


def test_accuracy_is_the_weighted_share_of_the_right_ones() -> None:
    scores = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    truth = torch.tensor([[True, False], [True, False], [True, False]])
    weights = torch.tensor([[1.0, 1, 1], [0, 2, 2], [3, 1, 0]])
    assert weighted_accuracy(scores, truth, weights).tolist() == pytest.approx([2 / 3, 0.5, 0.75])


def test_a_class_that_no_row_has_is_left_out_of_the_mean() -> None:
    scores, truth = noise(20, 2, seed=10), torch.stack([noise(20, seed=11) > 0, torch.zeros(20) > 0], 1)
    ones = torch.ones(1, 20)
    for score in (weighted_precision, weighted_area):
        torch.testing.assert_close(score(scores, truth, ones), score(scores[:, :1], truth[:, :1], ones))
