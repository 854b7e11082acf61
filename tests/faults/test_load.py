"""Group L of the reliability contract: much of everything."""

import pytest

from faults.proofs import load

pytestmark = pytest.mark.faults


@pytest.mark.row("L1")
def test_a_manifest_of_a_million_clips_opens_at_once_and_fills_no_memory(tmp_path):
    load.prove_l1(tmp_path)


@pytest.mark.row("L2")
def test_an_hour_takes_no_more_memory_than_ten_minutes(journey, tmp_path):
    load.prove_l2("dac", journey.dac, tmp_path)


@pytest.mark.row("L3")
def test_ten_thousand_clips_in_one_run_cost_no_more_than_few(tmp_path):
    load.prove_l3(tmp_path)
