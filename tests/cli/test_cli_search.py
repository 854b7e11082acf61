"""`smalti index` and `smalti search`: their keys, their refusals, and every option changes something."""

import json
from pathlib import Path

import pytest

from smalti.cli import run


def said(line: list[str], capfd: pytest.CaptureFixture[str], *, code: int = 0) -> dict:
    assert run([*line, "--json"]) == code
    return json.loads(capfd.readouterr().out)


@pytest.fixture
def index(sounds: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "index"
    report = said(["index", "mulaw", "--data", str(sounds), "--to", str(folder), "--window", "256"], capfd)
    assert set(report) == {
        *("recordings", "passages", "added", "kept", "removed", "failed", "audio_seconds", "seconds"),
        "real_time_factor",
    }
    assert (report["recordings"], report["failed"]) == (12, [])
    return folder


def test_a_search_says_where_and_why(index: Path, sounds: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rain, pistons = str(sounds / "rain" / "rain-0002.flac"), str(sounds / "pistons" / "pistons-0001.flac")
    found = said(["search", str(index), rain, "--top", "3"], capfd)
    assert set(found) == {"query", "hits", "seconds", "failed"} and found["query"] == rain
    assert len(found["hits"]) == 3 and set(found["hits"][0]) >= {"path", "label", "start", "end", "score"}
    best = found["hits"][0]
    assert (best["path"], best["label"], best["score"]) == (rain, "rain", 1) and 0 <= best["start"] < best["end"] < 0.81
    both = said(["search", str(index), rain, pistons, "--exhaustive"], capfd)
    assert [one["query"] for one in both["searches"]] == [rain, pistons]


def test_options_change_what_is_found(index: Path, sounds: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rain = str(sounds / "rain" / "rain-0002.flac")
    few = ["search", str(index), rain, "--candidates", "3", "--top", "50"]
    assert len(said(few, capfd)["hits"]) <= 3 < len(said([*few, "--exhaustive"], capfd)["hits"])
    ties = [said(["search", str(index), rain, "--seed", str(seed)], capfd)["hits"] for seed in range(3)]
    assert ties[0] != ties[1] or ties[1] != ties[2]


def test_recordings_are_taken_out_by_name(index: Path, sounds: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rain = str(sounds / "rain" / "rain-0002.flac")
    assert said(["index", "mulaw", rain, "--to", str(index), "--remove"], capfd)["recordings"] == 11
    assert all(hit["path"] != rain for hit in said(["search", str(index), rain], capfd)["hits"])
    for line in (["index", "mulaw", "--to", str(index), "--remove"], ["index", "mulaw", rain, "--to", str(index)]):
        line = [*line, "--triples"] if line[-1] != "--remove" else line
        assert run(line) == 2
    message = capfd.readouterr().err
    assert "name them, as the index does" in message and "choose a new folder for others" in message


def test_what_cannot_be_read_is_a_problem_and_what_is_no_index_a_refusal(
    index: Path, sounds: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rain = str(sounds / "rain" / "rain-0002.flac")
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    found = said(["search", str(index), rain, str(tmp_path / "bad.wav")], capfd, code=1)
    assert len(found["searches"]) == 1 and found["failed"][0]["path"] == str(tmp_path / "bad.wav")
    assert run(["search", str(sounds), rain]) == 2
    assert "is no search index" in capfd.readouterr().err
