"""Sound found by sound through any codec: indexed by a run's name, searched by the index alone."""

import shutil
from pathlib import Path

import pytest
import torch

from journey import Journey
from smalti.audio import read, write
from smalti.core import Audio, DataError, ParameterError, SpecError
from smalti.search import IndexSettings, SearchSettings
from smalti.systems.registry import find_run
from smalti.systems.searching import index, remove, search
from smalti.systems.show import show, verify


@pytest.mark.parametrize("system", ["mulaw", "codec", "grid_codec"])
def test_any_codecs_tokens_are_searched_by_the_same_lines(journey: Journey, tmp_path: Path, system: str) -> None:
    run = "mulaw" if system == "mulaw" else getattr(journey, system)
    report = index(run, data=journey.sounds, to=tmp_path / "index")
    assert (report.recordings, report.added, report.failed) == (12, 12, ())
    assert report.audio_seconds == pytest.approx(12 * 0.8, abs=0.01)
    sound = journey.sounds / "rain" / "rain-0003.flac"
    (found,) = search(tmp_path / "index", [sound], SearchSettings(top=12)).found
    assert found.query == str(sound) and found.hits[0].score == 1
    same = [hit for hit in found.hits if hit.score == 1]
    assert any(hit.path == str(sound) and hit.label == "rain" for hit in same)


def test_an_index_is_all_that_a_search_needs_and_grows_by_the_same_command(journey: Journey, tmp_path: Path) -> None:
    shutil.copytree(find_run("mulaw"), tmp_path / "run")
    sounds = sorted((journey.sounds / "rain").glob("*.flac"))
    index(tmp_path / "run", sounds[:4], to=tmp_path / "index", settings=IndexSettings(window=8000, hop=8000))
    report = index(tmp_path / "run", sounds, to=tmp_path / "index")
    assert (report.recordings, report.added, report.kept) == (6, 2, 4)
    shutil.rmtree(tmp_path / "run")
    moved = tmp_path / "moved"
    (tmp_path / "index").rename(moved)
    assert search(moved, [sounds[5]]).found[0].hits[0].path == str(sounds[5])
    assert remove([sounds[5]], to=moved).recordings == 5
    assert search(moved, [sounds[5]]).found[0].hits[0].path != str(sounds[5])
    facts = show(moved)
    assert (facts["kind"], facts["recordings"], facts["window"]) == ("index", 5, 8000) and verify(moved) == []


def test_a_term_inside_a_long_recording_is_found_at_its_second(tmp_path: Path, journey: Journey) -> None:
    sounds = sorted((journey.sounds / "rain").glob("*.flac"))
    rate = read(sounds[0]).sample_rate
    long = Audio.single(torch.cat([read(path).samples[0] for path in sounds]), rate)
    write(tmp_path / "long.wav", long)
    settings = IndexSettings(window=1024, hop=512)
    index("mulaw", [tmp_path / "long.wav"], to=tmp_path / "index", settings=settings)
    for second in (0.3, 2.1, 4.4):
        term = long.samples[0, round(second * rate) : round((second + 0.03) * rate)]
        write(tmp_path / "term.wav", Audio.single(term, rate))
        (hit,) = search(tmp_path / "index", [tmp_path / "term.wav"], SearchSettings(top=1)).found[0].hits
        assert abs(hit.start - second) < 0.01 and abs(hit.end - second - 0.03) < 0.01


def test_what_cannot_be_heard_is_listed_and_the_rest_is_done(journey: Journey, tmp_path: Path) -> None:
    good = journey.sounds / "rain" / "rain-0001.flac"
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    report = index("mulaw", [good, tmp_path / "bad.wav"], to=tmp_path / "index")
    assert report.recordings == 1 and [one["path"] for one in report.failed] == [str(tmp_path / "bad.wav")]
    found = search(tmp_path / "index", [good, tmp_path / "bad.wav"])
    assert len(found.found) == 1 and len(found.failed) == 1
    with pytest.raises(DataError, match=r"bad\.wav"):
        search(tmp_path / "index", [tmp_path / "bad.wav"])
    with pytest.raises(ParameterError, match="give one or the other"):
        index("mulaw", to=tmp_path / "index")


def test_another_codecs_tokens_are_refused_and_a_swapped_tokenizer_is_noticed(journey: Journey, tmp_path: Path) -> None:
    index("mulaw", data=journey.sounds, to=tmp_path / "index")
    with pytest.raises(SpecError, match="belong to another tokenizer"):
        index(journey.codec, data=journey.sounds, to=tmp_path / "index")
    assert verify(tmp_path / "index") == []
    shutil.rmtree(tmp_path / "index" / "tokenizer")
    shutil.copytree(journey.codec, tmp_path / "index" / "tokenizer")
    assert "belong to another" in verify(tmp_path / "index")[0]
    with pytest.raises(SpecError, match="belong to another"):
        search(tmp_path / "index", [journey.sounds / "rain" / "rain-0001.flac"])
