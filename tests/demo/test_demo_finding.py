"""The demo's search: held-out clips and one's own sounds among those that the codec learnt from."""

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from journey import Journey
from smalti.core import DataError
from smalti.data.manifest import Manifest
from smalti.demo import demo
from smalti.demo.finding import Finding, find
from smalti.demo.report import _search


@pytest.fixture(scope="module")
def found(journey: Journey, tmp_path_factory: pytest.TempPathFactory) -> Finding:
    folder = tmp_path_factory.mktemp("finding")
    samples, rate = soundfile.read(Manifest.read(journey.sounds).paths()[0])
    soundfile.write(folder / "<b>mine.wav", samples, rate)
    return find(journey.codec, journey.sounds, to=folder / "search", own=[folder / "<b>mine.wav"])


def test_a_copy_of_an_indexed_sound_is_found_first_and_whole(found: Finding):
    own = found.queries[0]
    assert own.name == "<b>mine.wav"
    best = own.found[0]
    assert best.hit.score == 1.0 and best.hit.start == 0.0
    assert best.sound.samples.shape[1] == own.sound.samples.shape[1]


def test_only_what_training_heard_is_found_and_scores_stand_beside_chance(found: Finding, journey: Journey):
    training = {str(path.resolve()) for path in Manifest.read(journey.sounds).split("train").paths()}
    assert {place.hit.path for query in found.queries for place in query.found} <= training
    assert found.scores["queries"] == Manifest.read(journey.sounds).split("test").rows
    assert {"random", "mfcc_dtw", "kmeans_edit", "exhaustive"} == set(found.scores["peers"])


def test_the_same_search_again_hears_nothing_anew_and_says_the_same(journey: Journey, tmp_path: Path):
    one, two = (find(journey.codec, journey.sounds, to=tmp_path / "search").to_json()["found"] for _ in range(2))
    assert one == two and one


def test_the_page_plays_query_and_hits_and_shows_names_as_text(found: Finding):
    html = _search(found.to_json(), found.queries)
    assert html.count("<audio") == sum(1 + len(query.found) for query in found.queries)
    assert "<b>mine" not in html and "&lt;b&gt;mine" in html


def test_sounds_without_labels_are_found_without_scores(journey: Journey, tmp_path: Path):
    manifest = Manifest.read(journey.sounds)
    rows = [{**row, "label": None, "path": str(path)} for row, path in
            zip(manifest.table.to_pylist(), manifest.paths(), strict=True)]  # fmt: skip
    Manifest.from_rows(rows, tmp_path).write(tmp_path / "manifest.csv")
    found = find(journey.codec, tmp_path / "manifest.csv", to=tmp_path / "search")
    assert found.scores == {} and all(query.found for query in found.queries)
    assert "<table" not in _search(replace(found, queries=()).to_json(), ())


def test_a_query_that_cannot_be_read_is_refused_before_anything_is_done(tmp_path: Path):
    with pytest.raises(DataError, match=r"gone\.wav"):
        demo(out=tmp_path / "out", own_queries=[tmp_path / "gone.wav"])
    assert not (tmp_path / "out").exists()
