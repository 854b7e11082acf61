"""The table of the reliability contract shows what happened, and never more."""

import pytest

from faults.rows import ROWS, figure, taken
from faults.table import Result, Table, markdown, pytest_collection_modifyitems, together


def report_of(row, *, figures=(), outcome="passed", when="call"):
    properties = [("row", row), *(("figure", one) for one in figures)]
    return pytest.TestReport("a", ("a", 1, "a"), {}, outcome, None, when, duration=2.0, user_properties=properties)


@pytest.fixture
def table(pytestconfig):
    return Table(pytestconfig)


def test_a_row_is_kept_only_if_it_ran_measured_something_and_nothing_failed(table):
    table.pytest_runtest_logreport(report_of("L1", figures=["1 s"]))
    table.pytest_runtest_logreport(report_of("L2", figures=["2 s"]))
    table.pytest_runtest_logreport(report_of("L2", outcome="failed"))
    table.pytest_runtest_logreport(report_of("L3"))
    table.pytest_runtest_logreport(report_of("F1", figures=["3"]))
    table.pytest_runtest_logreport(report_of("F1", outcome="skipped", when="setup"))
    found = {row: table.results[row].verdict for row in ("L1", "L2", "L3", "F1", "F2")}
    assert found == {
        "L1": "pass",
        "L2": "**FAIL** (1 of 2)",
        "L3": "no figure",
        "F1": "skipped (1 of 2)",
        "F2": "not run",
    }
    assert [row for row, result in table.results.items() if result.passed] == ["L1"]


def test_setup_and_teardown_count_only_where_they_fail(table):
    for when in ("setup", "call", "teardown"):
        table.pytest_runtest_logreport(report_of("L1", when=when, figures=["1 s"] if when == "call" else []))
    assert table.results["L1"].tests == 1
    table.pytest_runtest_logreport(report_of("L1", when="teardown", outcome="failed"))
    assert not table.results["L1"].passed


def test_the_proof_that_takes_longest_begins_and_the_others_keep_their_order():
    class Item:
        def __init__(self, name, *rows):
            self.name, self.rows = name, rows

        def get_closest_marker(self, name):
            return next((pytest.mark.row(row).mark for row in self.rows), None)

    items = [Item("b"), Item("a", "L1"), Item("long", "L2"), Item("c", "F1")]
    pytest_collection_modifyitems(items)
    assert [item.name for item in items] == ["long", "b", "a", "c"]


def test_a_guard_whose_absence_is_not_noticed_is_shown(table):
    for outcome in ("passed", "failed"):
        report = report_of("L1", outcome=outcome)
        report.user_properties = [("planted", ("F4", f"lock {outcome}"))]
        table.pytest_runtest_logreport(report)
    page = markdown(table.results, 60.0)
    assert "| F4 | lock passed | fails, as it must |" in page
    assert "| F4 | lock failed | **does not fail** |" in page


def test_the_page_has_every_row_with_its_target_and_figures_once():
    page = markdown({row: Result(["1 | 2", "1 | 2", "3"], tests=1) for row in ROWS}, 120.0)
    assert all(f"| {row} | {one.tested} | {one.target} |" in page for row, one in ROWS.items())
    assert page.count("1 \\| 2 (× 2); 3") == len(ROWS) == 27


def test_a_figure_belongs_to_a_row_there_is():
    taken()
    figure("L1", "0.9 s")
    assert taken() == ["0.9 s"] and taken() == []
    with pytest.raises(AssertionError, match="no row L9"):
        figure("L9", "0.9 s")
    assert together([]) == ""
