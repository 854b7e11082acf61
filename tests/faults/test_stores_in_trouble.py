"""Rows F3, F4 and F8 of the reliability contract."""

import pytest

from faults.proofs import stores, vectors


@pytest.mark.faults
@pytest.mark.row("F3")
def test_a_store_killed_twenty_times_holds_every_clip_once(tmp_path):
    stores.prove_f3(tmp_path)


@pytest.mark.row("F3")
@pytest.mark.parametrize("kills", [6, pytest.param(20, marks=pytest.mark.faults)])
def test_a_table_of_vectors_killed_again_and_again_holds_every_recording_once(tmp_path, kills):
    vectors.prove_f3_vectors(tmp_path, kills=kills)


@pytest.mark.row("F4")
def test_of_two_processes_the_second_is_refused_and_takes_over_from_the_dead(tmp_path):
    stores.prove_f4(tmp_path)


@pytest.mark.row("F8")
def test_bad_recordings_are_listed_once_and_the_others_used(tmp_path):
    stores.prove_f8(tmp_path)
