"""The page of faults says what the experiments' status said."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.fault_rows import HEAD, Row, between, main, named, note, row_of, table

SPEC = {"target": {"service": "payment"}, "fault": {"type": "FailRate", "percent": 50}}
PROBE = {"name": "promises", "measured": 7, "failed": 0}
STATUS = {"verdict": "Pass", "probes": [PROBE], "recoveredAfter": "1.2s"}
COUNTS = {"completed": 9, "compensated": 4, "rejected": 1, "parked": 0}
PLACES = ("the chart", "the planted bug")
ROW = Row(
    "FailRate 50 %", "payment, one", "Choreography", "Pass", 7, 0, "none", "1.2s", "9 + 4 + 1"
)


def test_a_row_has_what_the_status_says() -> None:
    assert row_of(SPEC, STATUS, "Choreography", COUNTS) == ROW


def test_what_was_out_of_bounds_is_told_with_its_time() -> None:
    failing = PROBE | {"failed": 2, "firstFailureAfter": "3.4s"}
    row = row_of(SPEC, STATUS | {"verdict": "Fail", "probes": [failing]}, "Choreography", COUNTS)
    assert row == replace(ROW, verdict="Fail", failed=2, first_after="3.4s")


def test_what_never_recovered_says_so() -> None:
    status = {name: value for name, value in STATUS.items() if name != "recoveredAfter"}
    assert row_of(SPEC, status, "Choreography", COUNTS).recovered_after == "never"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"type": "PodKill", "undo": False, "percent": 100}, "PodKill"),
        ({"type": "FailRate", "undo": True, "percent": 50}, "FailRate 50 % of undos"),
        ({"type": "Delay", "delay": "2s"}, "Delay 2s"),
        ({"type": "Partition", "peer": "Kafka"}, "Partition Kafka"),
    ],
)
def test_a_fault_is_named_by_what_it_does(fault: dict[str, object], told: str) -> None:
    assert named(fault) == told


def test_the_page_has_each_row_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted, page = tmp_path / "rows", tmp_path / "page.md"
    monkeypatch.setenv("FAULT_ROWS", str(noted))
    note(ROW)
    note(replace(ROW, verdict="Fail", planted=True))
    assert [json.loads(line)["verdict"] for line in noted.read_text().splitlines()] == [
        "Pass",
        "Fail",
    ]
    marks = [f"<!-- {name} -->\nold\n<!-- end of {name} -->" for name in PLACES]
    page.write_text("\n".join(["# Title", *marks, "the end"]))
    main(noted, page)
    chart, bug = page.read_text().split("<!-- end of the chart -->")
    assert table([ROW]) in chart
    assert table([replace(ROW, verdict="Fail")]) in bug
    assert "old" not in page.read_text()
    assert page.read_text().startswith("# Title\n")
    assert page.read_text().endswith("\nthe end")


def test_every_column_has_a_cell() -> None:
    lines = table([ROW]).split("\n")
    assert lines[0] == HEAD
    assert len({line.count("|") for line in lines}) == 1


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(AssertionError, match="no place for the chart"):
        between("# Title\n", "the chart", "rows")
