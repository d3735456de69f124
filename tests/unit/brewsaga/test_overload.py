from dataclasses import replace

import pytest

from brewsaga.overload import FLOOR_MS, Overloaded, normal_after

CALM = FLOOR_MS

GOOD = Overloaded(
    mode="choreography",
    max_in_flight=2_000,
    peak_per_second=100.0,
    offered_per_second=200.0,
    goodput_per_second=95.0,
    accepted=1_000,
    refused=900,
    unanswered=3,
    ended=1_002,
    calm_p50_ms=20.0,
    overloaded_p50_ms=900.0,
    normal_after_seconds=12.0,
    violations=0,
)


@pytest.mark.parametrize(
    ("medians_ms", "seconds"),
    [
        ([CALM, CALM], 0.0),
        ([9 * CALM, 3 * CALM, CALM, CALM], 2.0),
        ([9 * CALM, CALM, 3 * CALM, CALM], 3.0),
        ([CALM, 9 * CALM], None),
        ([], None),
    ],
)
def test_normal_is_when_no_later_second_is_slow(
    medians_ms: list[float], seconds: float | None
) -> None:
    assert normal_after(medians_ms, CALM) == seconds


@pytest.mark.parametrize(
    ("what", "kept"),
    [
        ({}, True),
        ({"ended": 999}, False),
        ({"ended": 1_004}, False),
        ({"goodput_per_second": 89.0}, False),
        ({"normal_after_seconds": None}, False),
        ({"normal_after_seconds": 61.0}, False),
        ({"violations": 1}, False),
    ],
)
def test_the_promise_is_kept_only_where_each_part_of_it_is(what: dict, kept: bool) -> None:
    assert replace(GOOD, **what).kept is kept
