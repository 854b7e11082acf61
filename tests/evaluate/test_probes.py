"""Splits share no group, probes find what is there and nothing that is not, clusters score as scikit-learn says."""

import math
from statistics import fmean

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, homogeneity_score, normalized_mutual_info_score
from sklearn.preprocessing import StandardScaler

from smalti.core import ParameterError
from smalti.evaluate import Clustering, cluster_score, grouped_split, probe
from smalti.evaluate.estimates import estimated
from smalti.evaluate.splits import learnable

Rows = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("uvwxyz")), min_size=2, max_size=40)


def clouds(rows: int, classes: int, *, spread: float, seed: int = 0) -> tuple[torch.Tensor, list[str], list[str]]:
    """Noise around a centre for each class, in five dimensions of very different sizes; two rows a group."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, 5, generator=generator)
    owner = torch.arange(rows) % classes
    points = centres[owner] + spread * torch.randn(rows, 5, generator=generator)
    groups = [f"{row % classes}-{row // classes // 2}" for row in range(rows)]
    return points * torch.tensor([1e-3, 1, 10, 100, 1e3]), [f"class {one}" for one in owner.tolist()], groups


@settings(deadline=None, max_examples=200)
@given(Rows, st.integers(0, 9))
def test_a_group_is_on_one_side_and_a_class_that_can_be_learnt_is_learnt(
    rows: list[tuple[str, str]], seed: int
) -> None:
    labels, groups = [label for label, _ in rows], [group for _, group in rows]
    kept = learnable(labels, groups)
    if not kept:
        with pytest.raises(ParameterError, match="none that can be held out"):
            grouped_split(labels, groups, seed=seed)
        return
    try:
        split = grouped_split(labels, groups, seed=seed)
    except ParameterError:  # every group holds the only row of some class
        alone = {label for label in labels if label not in kept}
        assert all(alone & {own for own, of in rows if of == group} or len(set(groups)) < 2 for group in groups)
        return
    assert sorted([*split.train, *split.test]) == list(range(len(rows)))
    assert not {groups[row] for row in split.train} & {groups[row] for row in split.test}
    assert {labels[row] for row in split.train} == set(labels) and len(split.test)


def test_the_share_is_kept_in_every_class_and_the_seed_decides() -> None:
    labels = [f"{row % 4}" for row in range(400)]
    groups = [str(row // 8) for row in range(400)]  # every group has rows of every class
    split = grouped_split(labels, groups, share=0.3)
    counts = np.bincount([int(labels[row]) for row in split.test])
    assert counts.tolist() == [counts[0]] * 4 and 26 <= counts[0] <= 34
    assert grouped_split(labels, groups, share=0.3).test.tolist() == split.test.tolist()
    assert grouped_split(labels, groups, share=0.3, seed=1).test.tolist() != split.test.tolist()


def test_two_recordings_of_a_class_are_one_to_learn_from_and_one_to_ask_about() -> None:
    labels, groups = [*"aabbcc"], [*"123456"]
    split = grouped_split(labels, groups)
    assert sorted(labels[row] for row in split.test) == [*"abc"]


@pytest.mark.parametrize("kind", ["linear", "forest"])
def test_a_probe_finds_what_is_there_whatever_its_size(kind: str) -> None:
    features, labels, groups = clouds(240, 4, spread=0.1)
    splits = [grouped_split(labels, groups, seed=seed) for seed in range(2)]
    found = probe(features, labels, splits, kind=kind)
    assert found.accuracy.mean > 0.95 and found.precision.mean > 0.95


@pytest.mark.parametrize("kind", ["linear", "forest", "majority"])
def test_a_probe_finds_nothing_where_nothing_is(kind: str) -> None:
    features, labels, groups = clouds(600, 4, spread=0.1)
    mixed = [labels[row] for row in np.random.default_rng(0).permutation(600)]
    splits = [grouped_split(mixed, groups, seed=seed) for seed in range(3)]
    assert abs(probe(features, mixed, splits, kind=kind).accuracy.mean - 0.25) < 0.1


def test_the_majority_is_right_as_often_as_its_class_comes() -> None:
    labels = ["often"] * 80 + ["rare"] * 20
    splits = [grouped_split(labels, [str(row) for row in range(100)])]
    found = probe(torch.zeros(100, 2), labels, splits, kind="majority")
    assert found.accuracy.mean == pytest.approx(0.8) and found.precision.mean == pytest.approx(0.4)


def test_a_group_that_is_known_by_heart_does_not_help_with_others() -> None:
    """Each group has a place of its own that says its class: a split by rows would be right, one by groups is not."""
    generator = torch.Generator().manual_seed(1)
    places = torch.randn(40, 6, generator=generator)
    owner = torch.arange(400) % 40
    features = places[owner] + 0.01 * torch.randn(400, 6, generator=generator)
    labels = [f"{one % 2}" for one in torch.randperm(40, generator=generator)[owner].tolist()]
    by_group = [grouped_split(labels, [str(one) for one in owner.tolist()], seed=seed) for seed in range(4)]
    by_row = [grouped_split(labels, [str(row) for row in range(400)], seed=seed) for seed in range(2)]
    assert probe(features, labels, by_row, kind="forest").accuracy.mean > 0.99
    assert probe(features, labels, by_group, kind="forest").accuracy.mean < 0.8


def test_clusters_score_as_scikit_learn_says() -> None:
    features, labels, _ = clouds(90, 3, spread=0.8)
    found = cluster_score(features, labels, seeds=(4,))
    rows = StandardScaler().fit_transform(features.double().numpy())
    own = KMeans(3, n_init=3, random_state=4).fit_predict(rows)
    assert found.clusters == 3
    assert found.adjusted_rand.mean == pytest.approx(adjusted_rand_score(labels, own))
    assert found.mutual_information.mean == pytest.approx(normalized_mutual_info_score(labels, own))
    assert found.homogeneity.mean == pytest.approx(homogeneity_score(labels, own))
    assert 0 < found.adjusted_rand.mean < 1


@pytest.mark.parametrize("clustering", ["kmeans", "gmm"])
def test_clear_clouds_are_found_and_shuffled_classes_are_not(clustering: str) -> None:
    features, labels, _ = clouds(120, 4, spread=0.02)
    found = cluster_score(features, labels, clustering=Clustering.parse(clustering), seeds=range(3))
    assert found.adjusted_rand.mean > 0.9 and found.mutual_information.mean > 0.9
    assert found.shuffled_mutual_information < 0.2 and found.shuffled_homogeneity < 0.2


def test_akaike_chooses_as_many_clusters_as_there_are_clouds() -> None:
    features, labels, _ = clouds(400, 5, spread=0.05)
    assert cluster_score(features, labels, clustering=Clustering.parse("gmm:2:6")).clusters == 5


@pytest.mark.parametrize("text", ["", "dbscan", "kmeans:2:3", "gmm:3", "gmm:5:2", "gmm:0:2", "gmm:a:b"])
def test_clusters_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="gmm:20:59"):
        Clustering.parse(text)


def test_an_interval_is_students_and_wider_where_draws_overlap() -> None:
    values = [0.4, 0.5, 0.7, 0.55]
    found = estimated(values)
    low, high = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.mean, found.low, found.high) == pytest.approx((fmean(values), low, high))
    wider = estimated(values, overlap=0.25)
    assert wider.high - wider.mean == pytest.approx((found.high - found.mean) * math.sqrt(2))
    assert math.isnan(estimated([0.5]).low)
    assert estimated([0.1, 0.9]).low == 0 and estimated([0.1, 0.9]).high == 1
