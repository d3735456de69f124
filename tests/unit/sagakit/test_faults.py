"""Faults that are switched on from outside: what each does, and that each ends by itself."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

import declared
from sagakit.core.chance import Odds
from sagakit.shell.api import create_api
from sagakit.shell.faults import (
    FAULTS_MAX,
    GARBAGE,
    SECONDS_MAX,
    Copy,
    Fault,
    Kind,
    Switchboard,
    TooMany,
    injected,
    utc_now,
)
from sagakit.shell.faults_api import routes
from sagakit.shell.ports import Outgoing
from sagakit.shell.settings import KitSettings, Misconfigured, read

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + timedelta(seconds=10)
ODDS = Odds("grind", "discard", "seed")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Switchboard:
    return Switchboard(clock)


def test_a_fault_ends_by_itself(board: Switchboard, clock: Clock) -> None:
    board.put("x", Fault(Kind.FAIL_RATE, LATER))
    odds = injected(ODDS, board)
    assert odds.do_fails("s", "")
    assert not odds.undo_fails("s", "", 0)
    clock.now = LATER
    assert not odds.do_fails("s", "")
    assert board.active() == {}


def test_a_rate_takes_about_its_share_and_always_the_same(board: Switchboard) -> None:
    board.put("x", Fault(Kind.FAIL_RATE, LATER, percent=30))
    odds = injected(ODDS, board)
    first = [odds.do_fails(f"s-{n}", "") for n in range(1_000)]
    assert 250 < sum(first) < 350
    assert first == [odds.do_fails(f"s-{n}", "") for n in range(1_000)]


def test_undos_fail_where_undos_are_meant_and_not_for_ever(board: Switchboard) -> None:
    board.put("x", Fault(Kind.FAIL_RATE, LATER, percent=50, undo=True))
    odds = injected(ODDS, board)
    assert not odds.do_fails("s", "")
    assert {odds.undo_fails("s", "", attempt) for attempt in range(20)} == {True, False}


def test_the_service_s_own_odds_stay(board: Switchboard) -> None:
    odds = injected(Odds("grind", "discard", "seed", 1.0, 1.0), board)
    assert odds.do_fails("s", "")
    assert odds.undo_fails("s", "", 0)


def test_a_delay_holds_back_what_is_said_and_keeps_the_message_s_own(board: Switchboard) -> None:
    said = [Outgoing("t", "k", "T", b""), Outgoing("t", "k", "T", b"", None, LATER)]
    assert board.held_back(said) is said
    board.put("x", Fault(Kind.DELAY, LATER, delay_seconds=3.0))
    times = [one.publish_at for one in board.held_back(said)]
    assert times == [START + timedelta(seconds=3), LATER + timedelta(seconds=3)]


def test_a_duplicate_is_the_message_and_poison_is_none(board: Switchboard) -> None:
    assert board.copies("id", b"said") == []
    board.put("twice", Fault(Kind.DUPLICATE, LATER))
    board.put("bad", Fault(Kind.POISON, LATER))
    assert board.copies("id", b"said") == [Copy(GARBAGE, False), Copy(b"said", True)]


async def test_a_pause_is_waited_for_until_it_is_taken_away(board: Switchboard) -> None:
    await board.resumed()
    board.put("x", Fault(Kind.PAUSE, LATER))
    waiting = [asyncio.create_task(board.resumed()) for _ in range(2)]
    await asyncio.sleep(0)
    board.put("y", Fault(Kind.DELAY, LATER, delay_seconds=1))
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    board.drop("x")
    await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_a_pause_ends_by_itself() -> None:
    board = Switchboard()
    board.put("x", Fault(Kind.PAUSE, utc_now() + timedelta(milliseconds=50)))
    await asyncio.wait_for(board.resumed(), 5)


def test_there_are_only_so_many(board: Switchboard, clock: Clock) -> None:
    for number in range(FAULTS_MAX):
        board.put(str(number), Fault(Kind.PAUSE, LATER))
    board.put("0", Fault(Kind.PAUSE, LATER))
    with pytest.raises(TooMany, match="DELETE one first"):
        board.put("more", Fault(Kind.PAUSE, LATER))
    clock.now = LATER
    board.put("more", Fault(Kind.PAUSE, LATER + timedelta(seconds=1)))


# ---------------------------------------------------------------- over HTTP


def api(board: Switchboard) -> httpx.AsyncClient:
    app = create_api("test", SecretStr("t"))
    app.include_router(routes(board))
    client = declared.client(app)
    client.headers["Authorization"] = "Bearer t"
    return client


def in_seconds(seconds: float) -> str:
    return (utc_now() + timedelta(seconds=seconds)).isoformat()


async def test_switched_on_seen_and_switched_off() -> None:
    board = Switchboard()
    async with api(board) as client:
        body = {"kind": "Delay", "delay_seconds": 2, "expires_at": in_seconds(60)}
        assert (await client.put("/faults/x", json=body)).status_code == 200
        assert (await client.put("/faults/x", json=body)).status_code == 200
        (seen,) = (await client.get("/faults")).json()["faults"]
        assert (seen["name"], seen["kind"], seen["delay_seconds"]) == ("x", "Delay", 2)
        for _ in range(2):
            assert (await client.delete("/faults/x")).json() == {"faults": []}
    assert board.active() == {}


async def test_without_the_token_nothing_is_switched() -> None:
    board = Switchboard()
    async with api(board) as client:
        del client.headers["Authorization"]
        body = {"kind": "Pause", "expires_at": in_seconds(60)}
        assert (await client.put("/faults/x", json=body)).status_code == 401
        assert (await client.delete("/faults/x")).status_code == 401
    assert board.active() == {}


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ("percent", {"percent": 0}),
        ("percent", {"percent": 101}),
        ("kind", {"kind": "Flood"}),
        ("expires_at", {"expires_at": in_seconds(-1)}),
        ("expires_at", {"expires_at": in_seconds(SECONDS_MAX + 3_600)}),
        ("expires_at", {"expires_at": "2026-01-01T00:00:00"}),
        ("delay_seconds", {"kind": "Delay"}),
        ("delay_seconds", {"delay_seconds": 1}),
        ("undo", {"undo": True}),
        ("colour", {"colour": "red"}),
    ],
)
async def test_what_is_out_of_bounds_is_named(said: str, changes: dict[str, Any]) -> None:
    board = Switchboard()
    async with api(board) as client:
        body = {"kind": "Pause", "expires_at": in_seconds(60), **changes}
        answer = await client.put("/faults/x", json=body)
        wrong = await client.put("/faults/Not_A_Name", json=body)
    assert (answer.status_code, wrong.status_code) == (422, 422)
    assert said in answer.json()["detail"]
    assert board.active() == {}


def test_chaos_without_a_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAOS_ENABLED", "true")
    with pytest.raises(Misconfigured, match="API_TOKEN_FILE"):
        read(KitSettings)
