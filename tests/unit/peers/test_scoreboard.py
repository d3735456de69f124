import pytest

from peers.cases import CASES
from peers.conform import OURS, not_applicable
from peers.engines import PEERS
from peers.results import Judged, Load, Results
from peers.scoreboard import FAILED, FENCED, NOT_APPLICABLE, PASSED, UNKNOWN, mark, page

GOOD = Judged(True, [], "charge > reserve > ship", 1.0)
BAD = Judged(False, ["left half done: charge"], "charge", 9.0)


@pytest.mark.parametrize(
    ("judged", "expected"),
    [
        (None, UNKNOWN),
        (GOOD, PASSED),
        (BAD, FAILED),
        (Judged(False, ["x"], "", 1.0, fenced=True), FENCED),
        (Judged(False, ["x"], "", 1.0, fenced=False), FAILED),
        (Judged(True, [], "", 0.0, "it has no cancel"), NOT_APPLICABLE),
    ],
)
def test_a_cell_says_what_the_case_came_to(judged, expected):
    assert mark(judged) == expected


def results() -> Results:
    level = [Load(1, 30, 50.0, 20.0, 30.0, 9.0), Load(64, 300, 70.0, 900.0, 999.0, 8.0)]
    slower = [Load(1, 30, 40.0, 25.0, 35.0, 9.5), Load(64, 300, 60.0, 990.0, 999.0, 8.5)]
    cases = {"brewsaga-orch": {"plain": GOOD}, "dbos": {"plain": BAD}}
    return Results(cases=cases, speed={"dbos": [level, slower]})


def test_the_page_has_the_spread_of_all_rounds():
    row = next(line for line in page(results()).splitlines() if line.startswith("| DBOS |"))
    assert "65 (60–70) | 64 | 22.5 (20.0–25.0) | 32.5 (30.0–35.0) | 8.25 (8.00–8.50)" in row


def test_the_page_says_how_many_times_as_fast_we_are():
    told = results()
    told.speed["brewsaga-choreo"] = [
        [Load(1, 9, 60.0, 16.0, 20.0, 0.0), Load(9, 9, 650.0, None, None, 1.0)]
    ]
    assert "| 10.0× |" in next(
        line for line in page(told).splitlines() if line.startswith("| DBOS |")
    )


def test_the_page_has_every_case_and_every_peer_s_praise():
    text = page(results())
    assert all(f"| {case.name} |" in text for case in CASES)
    assert all(line in text for peer in PEERS for line in peer.better)


def test_a_failure_is_named_with_its_reason_and_counted():
    text = page(results())
    assert "- plain: left half done: charge" in text
    assert "| **passed** | 1 of 1 | 0 of 1 | |" in text


def test_who_passed_everything_is_named_and_no_other():
    told = results()
    assert "Passed all that applies to them: none." in page(told)
    told.cases["dbos"] = {case.name: GOOD for case in CASES}
    told.cases["natsaga"] = {**told.cases["dbos"], "plain": BAD}
    assert "Passed all that applies to them: DBOS." in page(told)


def test_what_is_written_is_read_again(tmp_path):
    file = tmp_path / "result.json"
    results().write(file)
    assert Results.read(file) == results()


def test_nothing_is_excused_for_ours():
    assert not any(not_applicable(engine, case) for engine in OURS for case in CASES)


def test_no_two_cases_have_one_name_and_there_are_thirty():
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 30
