from pathlib import Path

import proof
from e2e.faults import cases, plan


def _rows(*slices: int) -> list[proof.Row]:
    return [proof.row("crash points", "deaths", 3, 0, 1.5, slice=number) for number in slices]


def test_what_is_appended_is_read_again_and_summed(tmp_path: Path) -> None:
    file = tmp_path / "proof.jsonl"
    assert proof.read(file) == []
    rows = [*_rows(0), proof.row("crash points", "deaths", 297, 0, 60.0)]
    for one in rows:
        proof.append([one], file)
    assert proof.read(file) == rows
    (line,) = proof.totals(proof.read(file))
    assert line.startswith("crash points: deaths: 300, 0 violations, 1 min")
    assert "more than 1 of 100 would" in line


def test_nothing_is_claimed_of_what_broke_a_promise() -> None:
    (line,) = proof.totals([proof.row("seeds", "seeds", 100, 1, 1.0)])
    assert line == "seeds: seeds: 100, 1 violations, 0 min"


def test_a_slice_that_left_no_row_is_the_next_one() -> None:
    assert plan.next_slice([]) == 0
    assert plan.next_slice(_rows(0, 1, 3)) == 2
    assert plan.next_slice([proof.row("seeds", "seeds", 9, 0, 1.0)]) == 0


def test_the_slices_try_every_pair_within_a_handler_once() -> None:
    tried: list[int] = []
    every = len(cases.pairs_within_a_handler())
    for number in range(60):
        tried += range(*plan.within_of(number))
    assert tried[:every] == list(range(every))
    assert plan.TARGETS["pairs of crash points within a handler"] == every


def test_a_target_counts_what_slices_did_and_not_what_ended_late() -> None:
    counted = {"slice": 0}
    rows = [
        proof.row("real faults", "orders, choreography", 50, 0, 1.0, **counted),
        proof.row("real faults", "orders, orchestration", 70, 0, 1.0, **counted),
        proof.row("real faults", "orders that ended after the last heal", 9, 0, 1.0, **counted),
        proof.row("real faults", "orders, choreography", 1_000, 0, 1.0),
    ]
    assert "orders: 120 of 100,000" in list(plan.progress(rows))
