"""Group S of the reliability contract: what wants to run, to fill memory or to climb out of its folder."""

import pytest

from faults.proofs import hostile


@pytest.mark.faults
@pytest.mark.row("S1")
def test_no_payload_runs_whichever_command_is_given_it(sounds, tmp_path):
    hostile.prove_s1(sounds, tmp_path)


@pytest.mark.row("S1")
def test_the_source_has_no_door_for_a_payload():
    hostile.prove_s1_source()
    hostile.prove_s1_doors_are_seen()


@pytest.mark.row("S2")
@pytest.mark.parametrize(
    "names",
    [["header.safetensors", "cells.xlsx", "claims.wav", "nested.toml"], pytest.param([], marks=pytest.mark.faults)],
)
def test_bombs_are_refused_at_once(sounds, tmp_path, names):
    hostile.prove_s2(sounds, tmp_path, only=names)


@pytest.mark.faults
@pytest.mark.row("S3")
def test_no_name_leads_out_of_its_folder(tmp_path):
    hostile.prove_s3(tmp_path)


@pytest.mark.row("S3")
def test_a_climbing_name_leads_nowhere(tmp_path):
    hostile.prove_s3(tmp_path, hostile=["../outside", "/dev/zero"])
