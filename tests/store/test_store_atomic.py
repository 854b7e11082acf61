"""Laws of atomic files: whole or not at all, whatever fails; and nothing stays behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faults.damage import temps_of
from faults.writes import full_at, size_limit
from smalti.core import StoreError
from smalti.store import clean_temps, lock, replace_file, replace_folder, write_bytes
from smalti.store.process import alive, identity


def test_a_file_is_replaced_whole_and_its_folder_made(tmp_path):
    path = tmp_path / "new" / "a.bin"
    for data in (b"first", b"second"):
        write_bytes(path, data)
        assert path.read_bytes() == data
    assert temps_of(tmp_path) == []


def test_an_error_while_writing_leaves_the_old_file_and_no_temp(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replace_file(path) as temp:
        temp.write_text("new")
        _ = 1 / 0
    assert path.read_text() == "old" and temps_of(tmp_path) == []


def test_the_temp_has_the_suffix_and_folder_of_its_file(tmp_path):
    with replace_file(tmp_path / "a.wav") as temp:
        temp.touch()
        assert temp.suffix == ".wav" and temp.parent == tmp_path


def test_a_folder_is_replaced_whole(tmp_path):
    for turn in ("first", "second"):
        with replace_folder(tmp_path / "f") as temp:
            (temp / turn).write_text(turn)
        assert [path.name for path in (tmp_path / "f").iterdir()] == [turn]
    assert temps_of(tmp_path) == []


@pytest.mark.parametrize("number", range(5))
def test_a_full_disk_at_any_write_is_told_and_leaves_the_old_file(tmp_path, number):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with full_at(number) as full:
        try:
            write_bytes(path, b"new!")
        except StoreError as error:
            assert "no space left" in str(error) and str(path) in str(error) and "4 bytes" in str(error)
    assert path.read_bytes() == (b"new!" if number >= 3 else b"old")
    assert (full.left < 0) == (number < 4)
    assert temps_of(tmp_path) == []


def test_a_file_size_limit_is_told_as_a_full_disk(tmp_path):
    with size_limit(1000), pytest.raises(StoreError, match=r"no space left.*5000 bytes"):
        write_bytes(tmp_path / "a.bin", bytes(5000))
    assert list(tmp_path.iterdir()) == []


def test_a_device_that_is_full_is_told(tmp_path):
    full = Path("/dev/full")
    with pytest.raises(StoreError, match="no space left"), replace_file(tmp_path / "a.bin"), full.open("wb", 0) as file:
        file.write(b"x")


def test_a_folder_where_a_file_stands_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        write_bytes(tmp_path / "file" / "a.bin", b"")


def test_an_error_about_another_file_stays_what_it_is(tmp_path):
    with pytest.raises(FileNotFoundError), replace_file(tmp_path / "a"):
        (tmp_path / "elsewhere").read_bytes()


def test_temps_of_the_dead_are_cleaned_and_those_of_the_living_kept(tmp_path):
    dead = tmp_path / ".smalti-tmp-999999999-1-a.bin"
    dead.mkdir()
    (dead / "inner").touch()
    living = tmp_path / f".smalti-tmp-{identity()}-b.bin"
    living.touch()
    (tmp_path / ".smalti-tmp-what").touch()
    assert len(clean_temps(tmp_path)) == 2
    assert list(tmp_path.iterdir()) == [living]


def test_the_first_write_into_a_folder_cleans_it(tmp_path):
    (tmp_path / ".smalti-tmp-999999999-1-a.bin").touch()
    write_bytes(tmp_path / "b.bin", b"")
    assert temps_of(tmp_path) == []


def test_a_reused_pid_is_another_process():
    assert alive(identity())
    assert not alive(f"{os.getpid()}-1")


HOLD = "import sys, time; from pathlib import Path; from smalti.store.lock import lock\n" + (
    "with lock(Path(sys.argv[1])):\n print('held', flush=True)\n time.sleep(60)"
)


def test_a_second_process_is_refused_at_once_and_a_dead_ones_lock_taken_over(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"held\n"
        start = time.monotonic()
        with pytest.raises(StoreError, match=f"in use by process {child.pid} "), lock(tmp_path):
            pass
        assert time.monotonic() - start < 2
        child.kill()
    assert (tmp_path / ".lock").exists()
    with lock(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_of_a_dead_process_does_not_hold(tmp_path):
    (tmp_path / ".lock").write_text("999999999-1\nsmalti train\n")
    with lock(tmp_path):
        assert (tmp_path / ".lock").read_text().startswith(identity())


def test_a_folder_is_not_locked_twice_in_one_process(tmp_path):
    with lock(tmp_path), pytest.raises(StoreError, match=f"in use by process {os.getpid()} "), lock(tmp_path):
        pass
