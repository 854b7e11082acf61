"""Vectors of any encoder: evenly kept, honestly asked, and drawn with held-out rows only where classes are known."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from smalti.core import Audio, DataError, Embedding, Encoder, ParameterError
from smalti.evaluate import Clustering, LatentSettings, clip_statistics, evaluate_latents, grouped_split
from smalti.evaluate.maps import Map, lda, pca, tsne
from smalti.evaluate.scatter import draw
from smalti.evaluate.vectors import collect, spread_over

RATE, HOP = 8000, 200


class LoudnessEncoder:
    """Three numbers of every hop begun: its level in two halves, and how many samples it has."""

    sample_rate, hop, dim = RATE, HOP, 3

    def embed(self, audio: Audio) -> Embedding:
        samples = torch.nn.functional.pad(audio.zero_padded().samples, (0, -audio.samples.shape[1] % HOP))
        halves = samples.unflatten(1, (-1, 2, HOP // 2)).square().mean(-1).sqrt()
        frames = -(-audio.lengths // HOP)
        inside = torch.arange(halves.shape[1]) < frames[:, None]
        return Embedding(torch.cat([halves, inside[..., None].float()], dim=-1), frames)


def noises(count: int, *, loud: float = 0.5) -> list[tuple[str, Audio]]:
    """Noise of two loudnesses in turn, from 200 to 1,900 samples long."""
    generator = torch.Generator().manual_seed(count)
    return [
        (
            f"{row}",
            Audio.single((loud if row % 2 else 0.05) * torch.randn(200 + 100 * (row % 18), generator=generator), RATE),
        )
        for row in range(count)
    ]


def test_what_is_kept_is_what_the_encoder_says_of_each_recording_alone() -> None:
    encoder, clips = LoudnessEncoder(), noises(21)
    assert isinstance(encoder, Encoder)
    found = collect(encoder, clips, recordings=len(clips), most=60)
    assert found.names == tuple(name for name, _ in clips)
    assert found.audio_seconds == pytest.approx(sum(audio.samples.shape[1] for _, audio in clips) / RATE)
    alone = [encoder.embed(audio).frames[0] for _, audio in clips]
    for pooled, frames in zip(found.recordings.spaces["encoder"], alone, strict=True):
        torch.testing.assert_close(pooled, torch.cat([frames.mean(0), frames.std(0, unbiased=False)]))
    statistics = clip_statistics([audio.samples[0] for _, audio in clips], RATE, bands=40)
    torch.testing.assert_close(found.recordings.spaces["clip_statistics"], statistics)
    assert found.recordings.spaces["log_mel"].shape == (21, 80)
    places = (found.seconds * RATE / HOP).round().long()
    for row, owner in enumerate(found.frames.recording.tolist()):
        torch.testing.assert_close(found.frames.spaces["encoder"][row], alone[owner][places[row]])
    assert len(set(zip(found.frames.recording.tolist(), places.tolist(), strict=True))) == len(places) == 60


def test_recordings_give_alike_however_long_they_are_and_the_same_in_any_order() -> None:
    clips = noises(18)
    found = collect(LoudnessEncoder(), clips, recordings=18, most=40)
    counts = Counter(found.frames.recording.tolist())
    lengths = {row: -(-audio.samples.shape[1] // HOP) for row, (_, audio) in enumerate(clips)}
    fullest = max(counts.values())
    assert all(counts[row] >= min(fullest - 1, lengths[row]) for row in lengths)
    mixed = collect(LoudnessEncoder(), clips[::-1], recordings=18, most=10**6)
    whole = collect(LoudnessEncoder(), clips, recordings=18, most=10**6)
    assert len(mixed.seconds) == len(whole.seconds) == sum(lengths.values())
    assert torch.equal(mixed.recordings.spaces["encoder"].flip(0), whole.recordings.spaces["encoder"])


@pytest.mark.parametrize(("most", "wanted"), [(3, [1, 1, 1]), (7, [1, 3, 3]), (9, [1, 3, 5]), (50, [1, 3, 20])])
def test_the_long_wait_until_all_are_served(most: int, wanted: list[int]) -> None:
    owner = torch.tensor([0] + [1] * 3 + [2] * 20)
    chosen = spread_over(owner, most)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert torch.bincount(owner[chosen], minlength=3).tolist() == wanted
    assert len(set(spread_over(torch.arange(9), 4).tolist())) == 4


def test_loudness_is_found_in_levels_and_chance_in_shuffled_labels() -> None:
    clips = noises(48)
    vectors = collect(LoudnessEncoder(), clips, recordings=48, most=96)
    loudness = ["loud" if row % 2 else "soft" for row in range(48)]
    shuffled = [loudness[row] for row in np.random.default_rng(3).permutation(48)]
    groups = [str(row // 4) for row in range(48)]
    told: list[tuple[int, int]] = []
    columns = {"loudness": loudness, "shuffled": shuffled}
    found = evaluate_latents(
        vectors, columns, groups, settings=LatentSettings(seeds=2), progress=lambda *of: told.append(of)
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    right = found["loudness"]
    assert (right.classes, right.chance, right.left_out) == (2, 0.5, ())
    assert (right.recordings.vectors, right.frames.vectors) == (48, 96)
    for level in (right.recordings, right.frames):
        assert level.encoder.linear.accuracy.mean > 0.95 and level.log_mel.linear.accuracy.mean > 0.95
        assert level.encoder.clusters.clusters == 2 and level.majority.accuracy.mean < 0.7
    assert right.frames.encoder.forest.accuracy.mean > 0.95
    assert found["shuffled"].recordings.encoder.linear.accuracy.mean < 0.75


def test_classes_of_one_group_are_left_out_by_name_and_a_column_of_such_is_refused() -> None:
    clips = noises(20)
    vectors = collect(LoudnessEncoder(), clips, recordings=20, most=40)
    column = ["once", None, *["loud" if row % 2 else "soft" for row in range(2, 20)]]
    groups = [str(row) for row in range(20)]
    found = evaluate_latents(vectors, {"loudness": column}, groups, settings=LatentSettings(seeds=1))["loudness"]
    assert found.left_out == ("once",) and found.classes == 2 and found.recordings.vectors == 18
    with pytest.raises(ParameterError, match=r"'speaker' has 20 classes, 0 of them in two groups"):
        evaluate_latents(vectors, {"speaker": groups}, groups)


def test_nothing_to_hear_is_refused() -> None:
    with pytest.raises(DataError, match="no recording"):
        collect(LoudnessEncoder(), [], recordings=0, most=10)


@pytest.mark.parametrize("library", ["sklearn", "matplotlib"])
def test_a_library_that_is_missing_is_named_with_its_extra(
    library: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    features = torch.randn(8, 3)
    split = grouped_split(["a", "b"] * 4, [str(row) for row in range(8)])
    with pytest.raises(ParameterError, match=rf"no {library}, .* pip install 'smalti\[(evaluate|report)\]'"):
        if library == "sklearn":
            lda(features, ["a", "b"] * 4, split)
        draw([Map("one", torch.arange(8), features[:, :2])], ["a", "b"] * 4, tmp_path / "m.png", title="")


def separable(rows: int, features: int) -> tuple[Tensor, list[str]]:
    """Noise, and labels that it does not know."""
    generator = torch.Generator().manual_seed(rows)
    return torch.randn(rows, features, generator=generator), [str(row % 3) for row in range(rows)]


def test_lda_shows_only_rows_that_it_was_not_fitted_on_and_no_classes_where_there_are_none() -> None:
    features, labels = separable(60, 40)
    split = grouped_split(labels, [str(row) for row in range(60)], share=0.4)
    shown = lda(features, labels, split)
    assert shown.rows.tolist() == split.test.tolist() and shown.places.shape == (len(split.test), 2)
    own = np.array(labels)[split.test]
    centres = torch.stack([shown.places[torch.from_numpy(own == name)].mean(0) for name in "012"])
    spread = shown.places.std(0)
    assert ((centres.max(0).values - centres.min(0).values) / spread < 1.5).all()  # fitted on all rows it would be more


def test_pca_is_the_directions_in_which_rows_differ_most() -> None:
    features, _ = separable(50, 2)
    mixed = torch.cat([features, features @ torch.randn(2, 3, generator=torch.Generator().manual_seed(0))], dim=1)
    found = pca(mixed)
    assert found.rows.tolist() == list(range(50))
    standard = (mixed - mixed.mean(0)) / mixed.std(0, unbiased=False)
    kept = found.places.square().sum() / standard.square().sum()
    assert kept == pytest.approx(1, abs=1e-4)


def test_tsne_repeats_and_leaves_apart_what_is_apart() -> None:
    features, labels = separable(45, 4)
    features += 50 * torch.tensor([[float(label)] for label in labels])
    first, again = tsne(features, seed=2), tsne(features, seed=2)
    assert torch.equal(first.places, again.places)
    nearest = torch.cdist(first.places, first.places).fill_diagonal_(torch.inf).argmin(1)
    assert sum(labels[row] == labels[near] for row, near in enumerate(nearest.tolist())) > 40


@pytest.mark.parametrize(
    "column", [["a", "b", None] * 4, [0.5, None, 3.0] * 4, [f"_{row}$x" for row in range(12)], [None] * 12]
)
def test_a_plot_is_written_whole_for_classes_numbers_and_odd_names(
    column: list[str | float | None], tmp_path: Path
) -> None:
    features, _ = separable(12, 3)
    draw([pca(features), tsne(features)], column, tmp_path / "maps.png", title="notes $")
    with Image.open(tmp_path / "maps.png") as picture:
        assert picture.size[0] > 800 and len(picture.getcolors(1 << 24) or ()) > 10
    assert [path.name for path in tmp_path.iterdir()] == ["maps.png"]


def test_clusters_can_be_more_than_classes() -> None:
    vectors = collect(LoudnessEncoder(), noises(40), recordings=40, most=80)
    column, groups = ["loud" if row % 2 else "soft" for row in range(40)], [str(row) for row in range(40)]
    settings = LatentSettings(seeds=1, clustering=Clustering.parse("gmm:3:4"))
    found = evaluate_latents(vectors, {"x": column}, groups, settings=settings)["x"]
    assert found.frames.encoder.clusters.clusters in (3, 4)
