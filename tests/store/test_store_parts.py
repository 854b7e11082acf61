"""Parts of an unfinished file: whole or not there, of one thing only, gone when the file is whole."""

import logging
import os
import signal
import time
from pathlib import Path

import pytest

from faults.damage import cuts, files_of, flips, replaced, temps_of
from faults.kills import dies, ended, forked
from smalti.core import StoreError
from smalti.store import unfinished, verify

OF, UNDER = {"encoder": "a" * 64, "pool": "mean"}, {"threads": "1"}


def write(target: Path, made: list[int] | None = None, *, parts: int = 4, of=OF, under=UNDER) -> None:
    """A file of so many letters, a part each; says which parts were made."""

    def make(folder: Path, number: int) -> dict[str, int]:
        (folder / "letter").write_bytes(b"%c" % (65 + number))
        (made if made is not None else []).append(number)
        return {"number": number}

    with unfinished(target, of, under=under) as held:
        found = [held.take(n, f"letter {n}", lambda folder, n=n: make(folder, n)) for n in range(parts)]
        assert [notes["number"] for _, notes, _ in found] == [*range(parts)]
        target.write_bytes(b"".join((place / "letter").read_bytes() for place, *_ in found))
        held.clear()


def broken_off(target: Path, *, before: int, of=OF, under=UNDER) -> Path:
    """The same, which ends with an error when it comes to this part; where its parts lie."""
    with pytest.raises(ZeroDivisionError), unfinished(target, of, under=under) as held:
        for number in range(before):
            held.take(number, f"letter {number}", lambda folder, n=number: _letter(folder, n))
        held.take(before, f"letter {before}", lambda folder: {"never": 1 // 0})
    return target.with_name(f"{target.name}.parts")


def _letter(folder: Path, number: int) -> dict[str, int]:
    (folder / "letter").write_bytes(b"%c" % (65 + number))
    return {"number": number}


def test_work_goes_on_with_what_is_there_and_leaves_the_file_alone(tmp_path: Path):
    target, made = tmp_path / "word", list[int]()
    folder = broken_off(target, before=2)
    assert sorted(path.name for path in folder.iterdir()) == ["part-00000", "part-00001"] and not target.exists()
    write(target, made)
    assert made == [2, 3] and files_of(tmp_path) == {"word": b"ABCD"} and not folder.exists()


def test_what_ends_before_its_first_part_leaves_nothing(tmp_path: Path):
    broken_off(tmp_path / "word", before=0)
    assert [*tmp_path.iterdir()] == []


def test_killed_at_every_moment_it_goes_on_to_the_same_bytes(tmp_path: Path):
    number = 0
    while dies(lambda: write(tmp_path / "word"), number):
        write(tmp_path / "word")
        assert files_of(tmp_path) == {"word": b"ABCD"} and temps_of(tmp_path) == [], f"moment {number}"
        (tmp_path / "word").unlink()
        number += 10
    assert number > 50


@pytest.mark.parametrize(("key", "value"), [("encoder", "b" * 64), ("pool", "max")])
def test_parts_of_something_else_are_refused_by_what_differs_and_stay(tmp_path: Path, key: str, value: str):
    folder = broken_off(tmp_path / "word", before=2)
    before = files_of(folder)
    with pytest.raises(StoreError, match=f"{key} {OF[key][:12]} → {value[:12]}.* or remove that folder"):
        write(tmp_path / "word", of=OF | {key: value})
    assert files_of(folder) == before and not (tmp_path / "word").exists()


def test_other_conditions_are_told_and_do_no_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    broken_off(tmp_path / "word", before=2)
    with caplog.at_level(logging.WARNING):
        write(tmp_path / "word", under={"threads": "2"})
    (said,) = caplog.messages
    assert "other conditions (threads 1 → 2)" in said


def test_a_part_that_is_cut_elsewhere_is_made_again(tmp_path: Path):
    broken_off(tmp_path / "word", before=2)
    made = list[str]()
    with unfinished(tmp_path / "word", OF, under=UNDER) as held:
        for number, key in enumerate(("letter 0", "another")):
            held.take(number, key, lambda folder, key=key: {"made": made.append(key)})
    assert made == ["another"]


def test_every_damage_is_noticed_and_only_that_part_is_made_again(tmp_path: Path):
    target = tmp_path / "word"
    folder = broken_off(target, before=3)
    about = folder / "part-00001" / "about.json"
    for bad in [*flips(about.read_bytes(), count=40, seed=0), *cuts(about.read_bytes(), count=6, seed=0)]:
        with replaced(about, bad):
            assert any("part-00001" in said for said in verify(folder))
    (folder / "part-00001" / "letter").write_bytes(b"Z")
    assert any("part-00001: letter: SHA-256 differs" in said for said in verify(folder))
    made = list[int]()
    write(target, made)
    assert made == [1, 3] and target.read_bytes() == b"ABCD"


def test_verify_says_that_it_is_unfinished_and_how_to_go_on(tmp_path: Path):
    folder = broken_off(tmp_path / "word", before=2)
    (said,) = verify(folder)
    assert "unfinished, with 2 whole parts; run the same command again" in said


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path):
    folder = tmp_path / "word.parts"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"something else than parts \(mine.txt\)"):
        write(tmp_path / "word")
    assert files_of(tmp_path) == {"word.parts/mine.txt": b"mine"}


def test_the_second_of_two_processes_is_refused_and_takes_over_from_the_dead(tmp_path: Path):
    def slowly() -> None:
        with unfinished(tmp_path / "word", OF, under=UNDER) as held:
            held.take(0, "letter 0", lambda folder: _letter(folder, 0))
            time.sleep(60)

    first = forked(slowly)
    while not (tmp_path / "word.parts" / "part-00000").exists():
        time.sleep(0.005)
    with pytest.raises(StoreError, match=f"in use by process {first} "):
        write(tmp_path / "word")
    os.kill(first, signal.SIGKILL)
    ended(first)
    made = list[int]()
    write(tmp_path / "word", made)
    assert made == [1, 2, 3] and files_of(tmp_path) == {"word": b"ABCD"}
