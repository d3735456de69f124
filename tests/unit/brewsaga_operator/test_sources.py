"""Probes against an auditor and a Prometheus that answer as they do."""

from typing import Any

import httpx
import pytest

from brewsaga_operator.experiment import Measurement
from brewsaga_operator.resources import Probe
from brewsaga_operator.sources import Sources

PROMISES = Probe(name="p", type="Invariant")
NINTH = Probe(name="p", type="Invariant", invariant=9)
QUERY = Probe(name="p", type="PromQL", query="up", min=1)


def line(number: int, *violations: str, unseen: str = "") -> dict[str, Any]:
    told = [{"saga_id": one, "text": "broken"} for one in violations]
    return {"invariant": number, "unseen": unseen, "violations": told}


async def measure(probe: Probe, *answers: Any, audit: str = "http://a") -> Measurement:
    left = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return httpx.Response(200, json=found)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        return await Sources(http, audit, "http://prometheus").measure(probe)


async def test_promises_that_are_kept() -> None:
    audit = {"invariants": [line(9), line(19, unseen="not kept")]}
    assert await measure(PROMISES, audit) == Measurement("1 invariants hold")


async def test_a_broken_promise_names_the_invariant_and_the_saga() -> None:
    seen = await measure(PROMISES, {"invariants": [line(9, "s-2", "s-1"), line(10)]})
    assert seen.failure == "invariant 9, saga s-1: broken (2 violations)"
    assert (await measure(NINTH, {"invariants": [line(10, "s")]})).error is not None


async def test_a_violation_between_two_writes_is_none() -> None:
    first, second = {"invariants": [line(9, "s-1")]}, {"invariants": [line(9, "s-2")]}
    assert (await measure(PROMISES, first, second)).failure is None


async def test_what_cannot_be_seen_or_reached_is_an_error_and_no_success() -> None:
    assert "not kept" in str(
        (await measure(NINTH, {"invariants": [line(9, unseen="not kept")]})).error
    )
    assert (await measure(PROMISES, httpx.ConnectError("refused"))).error == "refused"
    assert "operator.auditor.enabled" in str((await measure(PROMISES, {}, audit="")).error)


def vector(*values: str) -> dict[str, Any]:
    result = [{"metric": {}, "value": [0, value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (vector("2"), Measurement("2")),
        (vector("0"), Measurement("0", "the value is 0, at least 1 is needed")),
        (vector(), Measurement(error="the query has 0 series; aggregate it to one")),
        (vector("1", "2"), Measurement(error="the query has 2 series; aggregate it to one")),
        (vector("NaN"), Measurement(error="the value is nan")),
        (
            {"status": "error", "error": "parse error"},
            Measurement(error="Prometheus refuses the query: parse error"),
        ),
        (
            {"status": "success", "data": {"resultType": "scalar", "result": [0, "3"]}},
            Measurement("3"),
        ),
    ],
)
async def test_a_query(answer: dict[str, Any], expected: Measurement) -> None:
    assert await measure(QUERY, answer) == expected
