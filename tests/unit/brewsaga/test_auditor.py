"""The audit over HTTP: what it says, and what it says where it cannot see."""

from pathlib import Path

import pytest

import declared
from brewsaga.audit import Line, Report, Violation
from brewsaga.auditor import VIOLATIONS_TOLD_MAX, create_app, database_urls
from brewsaga.errors import CommandError
from saga.contract import DATABASES

FOUND = tuple(Violation(9, f"s-{n}", "it does not sum to zero") for n in range(30))
LINES = (Line(9, "ledger", "60 entries", FOUND), Line(19, "outbox", "", (), "it was not kept"))


async def test_what_is_broken_is_named_and_counted() -> None:
    async def judge() -> Report:
        return Report(LINES, 30, 2, ("payment",))

    async with declared.client(create_app(judge)) as client:
        found = (await client.get("/audit")).json()
    assert (found["sagas"], found["open_sagas"]) == (30, 2)
    ledger, outbox = found["invariants"]
    assert ledger["violation_count"] == 30
    assert len(ledger["violations"]) == VIOLATIONS_TOLD_MAX
    assert ledger["violations"][0] == {"saga_id": "s-0", "text": "it does not sum to zero"}
    assert outbox["unseen"] == "it was not kept"


async def test_a_database_that_is_away_is_no_verdict() -> None:
    async def judge() -> Report:
        raise ConnectionRefusedError("no")

    async with declared.client(create_app(judge)) as client:
        assert (await client.get("/audit")).status_code == 503


def test_every_database_must_be_named(tmp_path: Path) -> None:
    for service in DATABASES:
        (tmp_path / service).write_text("postgresql://x\n")
    assert database_urls(str(tmp_path)) == dict.fromkeys(DATABASES, "postgresql://x")
    (tmp_path / "shipment").unlink()
    with pytest.raises(CommandError, match="shipment"):
        database_urls(str(tmp_path))
