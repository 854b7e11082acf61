"""A pytest plugin: what every row of the reliability contract promises, measured and came to, as one table.

`make faults` runs every test that is marked `faults`, `row` or `planted` with `--write-table`, which also writes the
table to docs/reliability.md. What of these takes seconds only is not marked `faults`, so that `make test` runs it too.
"""

import os
import platform
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from faults.rows import ROWS, taken
from smalti.store import write_bytes

pytest.register_assert_rewrite("faults.proofs")
TABLE = Path(__file__).parents[2] / "docs" / "reliability.md"
_ROW, _FIGURE, _PLANTED = "row", "figure", "planted"
_LONGEST = "L2"


@dataclass
class Result:
    """What became of a row in this session.

    Attributes:
        figures: what its tests measured.
        tests: how many there were.
        failed: how many of them failed.
        skipped: how many of them did not run.
        seconds: that they took.
        plants: guards that were switched off, and whether the proof then failed.
    """

    figures: list[str] = field(default_factory=list)
    tests: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    plants: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the promise is kept: a measured figure, nothing failed, nothing left out."""
        return bool(self.figures) and not self.failed and not self.skipped

    @property
    def verdict(self) -> str:
        """The same in words."""
        if not self.tests:
            return "not run"
        if self.failed:
            return f"**FAIL** ({self.failed} of {self.tests})"
        if self.skipped:
            return f"skipped ({self.skipped} of {self.tests})"
        return "pass" if self.figures else "no figure"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-table", action="store_true", help="write docs/reliability.md from this session's rows")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "row(id): proves this row of the reliability contract")
    config.addinivalue_line("markers", "planted(id, guard): sees the row's proof fail with a guard switched off")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Table(config), "reliability-table")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the proof that takes longest, so that it is not left alone at the end."""
    items.sort(key=lambda item: (mark := item.get_closest_marker(_ROW)) is None or mark.args[0] != _LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Send along with a report which row it is of, and its figures: they have to reach another process."""
    report = yield
    figures = taken() if report.when == "call" else []
    row, plant = item.get_closest_marker(_ROW), item.get_closest_marker(_PLANTED)
    if row is not None:
        report.user_properties += [(_ROW, row.args[0]), *((_FIGURE, one) for one in figures)]
    if plant is not None:
        report.user_properties.append((_PLANTED, plant.args))
    return report


class Table:
    """Gathers the rows of a session."""

    def __init__(self, config: pytest.Config) -> None:
        self.results = {row: Result() for row in ROWS}
        self._writes = bool(config.getoption("--write-table"))
        self._shows = self._writes or "faults" in config.option.markexpr.replace("not faults", "")
        self._begin = time.perf_counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == _PLANTED and report.when == "call":
                row, guard = value
                self.results[row].plants.append((guard, report.passed))
        row = next((value for name, value in report.user_properties if name == _ROW), None)
        if row is None or (report.when != "call" and report.passed):
            return
        result = self.results[row]
        result.tests += 1
        result.failed += report.failed
        result.skipped += report.skipped
        result.seconds += report.duration
        result.figures += [value for name, value in report.user_properties if name == _FIGURE]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._shows:
            return
        terminalreporter.section("the reliability contract")
        for row, result in self.results.items():
            figures = together(result.figures) or "no figure"
            terminalreporter.line(f"{row:<4} {result.verdict:<16} {figures}   (wanted: {ROWS[row].target})")
            for guard, seen in result.plants:
                terminalreporter.line(f"     {'seen failing' if seen else 'NOT SEEN FAILING':<16} without {guard}")
        if self._writes:
            write_bytes(TABLE, markdown(self.results, time.perf_counter() - self._begin).encode())
            terminalreporter.line(f"written to {TABLE}")


def together(figures: list[str]) -> str:
    """The figures in their order; equal ones once, with their number."""
    counts = Counter(figures)
    return "; ".join(one if count == 1 else f"{one} (× {count})" for one, count in counts.items())


def markdown(results: dict[str, Result], seconds: float) -> str:
    """The page that `make faults` writes."""
    kept = sum(result.passed for result in results.values())
    machine = f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} CPU cores"
    lines = [
        "# The reliability contract, measured",
        "",
        "`make faults` proves each row and writes this page; nobody else does.",
        f"Last run: {machine}, {seconds / 60:.0f} minutes. **{kept} of {len(results)} rows are kept.**",
        "",
        "| row | tested | target | measured | verdict | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for row, one in results.items():
        cells = [row, ROWS[row].tested, ROWS[row].target, together(one.figures) or "–", one.verdict]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + f" | {one.seconds:.0f} |")
    lines += ["", "## Planted faults", "", "With each of these guards switched off, the proof of its row must fail."]
    lines += ["", "| row | guard | proof without it |", "|---|---|---|"]
    for row, one in results.items():
        for guard, seen in sorted(one.plants):
            lines.append(f"| {row} | {guard} | {'fails, as it must' if seen else '**does not fail**'} |")
    return "\n".join(lines) + "\n"
