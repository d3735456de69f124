"""The repair verbs over HTTP on a real Postgres: what they show, what they change, and what not."""

import asyncio
from typing import Any, Final

import pytest
from pydantic import SecretStr

import orchestrator.__main__
import order.__main__
import payment.__main__
from integration.repair_world import PERSON, Service, service
from orchestrator.settings import OrchestratorSettings
from order.settings import OrderSettings
from payment.settings import PaymentSettings
from saga.v1 import saga_pb2 as pb
from sagakit.shell.database import create_pool
from sagakit.shell.run import ServiceSpec

PARK_AFTER: Final = 2
LIMITS: Final = {"resay_after_seconds": 0.001, "resay_max_seconds": 0.001}
DOWN: Final = {"refund_fail_rate": 1.0, "park_after_attempts": PARK_AFTER, **LIMITS}
AMOUNT: Final = {"customer_id": "a", "amount_cents": 300, "currency": "EUR"}


def payments(**settings: Any) -> ServiceSpec:
    return payment.__main__.describe(PaymentSettings(**settings))


async def owe(here: Service, *saga_ids: str) -> None:
    """Charged, and then to be refunded, which fails until it is parked."""
    for saga_id in saga_ids:
        await here.hear("choreo.order-requested", pb.OrderRequested(saga_id=saga_id, **AMOUNT))
        lost = pb.InventoryFailed(saga_id=saga_id, reason="out of stock")
        await here.hear("choreo.inventory-failed", lost)
    await here.due()
    parked = "SELECT count(*) FROM payments WHERE parked"
    assert await here.rows(parked) == [(len(saga_ids),)]


STAND: Final = "SELECT outcome, parked, attempts, version FROM payments ORDER BY saga_id"


async def test_a_parked_refund_is_shown_tried_again_and_remembered(admin_url: str) -> None:
    async with service(admin_url, payments(**DOWN)) as here:
        await owe(here, "a", "b")
        (shown, _) = (await here.client.get("/parked")).json()["parked"]
        assert (shown["saga_id"], shown["mode"], shown["step"]) == ("a", "choreography", "refund")
        assert (shown["state"], shown["attempts"]) == ("parked", PARK_AFTER)
        assert shown["reason"] == "out of stock"

        before = await here.rows(STAND)
        dry = await here.repair("retry", ids=["a"], dry_run=True)
        assert (dry["changed"], dry["cases"][0]["after"]["parked"]) == (1, False)
        assert await here.rows(STAND) == before
        assert await here.trail() == []

        done = await here.repair("retry", ids=["a", "nobody"])
        assert [case["subject"] for case in done["cases"]] == ["a"]
        (row,) = await here.trail()
        assert (row["repair_id"], row["subject"]) == (done["repair_id"], "a")
        assert (row["who"], row["why"], row["verb"]) == ("ada", "the bank is back", "retry")
        assert row["before"] == {"outcome": "OWED", "parked": True, "attempts": PARK_AFTER}
        assert row["after"] == {**row["before"], "parked": False, "due": "now"}


async def test_a_retry_has_as_many_attempts_as_the_first_time(admin_url: str) -> None:
    async with service(admin_url, payments(**DOWN)) as here:
        await owe(here, "a")
        await here.repair("retry", everything=True)
        for attempts, parked in ((PARK_AFTER + 1, False), (PARK_AFTER + 2, True)):
            await here.due()
            assert [row[1:3] for row in await here.rows(STAND)] == [(parked, attempts)]
        await here.due()
        assert [row[2] for row in await here.rows(STAND)] == [PARK_AFTER + 2]


async def test_what_is_retried_twice_is_refunded_once(admin_url: str) -> None:
    async with service(admin_url, payments(**DOWN)) as here:
        sagas = [f"s{number}" for number in range(8)]
        await owe(here, *sagas)
        tasks = [here.repair("retry", state="any") for _ in range(4)]
        answers = await asyncio.gather(*tasks)
        assert all(one["changed"] <= len(sagas) for one in answers)
        well = payments(park_after_attempts=PARK_AFTER, **LIMITS).build(here.runtime)
        here.parts = well
        for _ in range(3):
            await here.due()
        entries = await here.rows("SELECT kind, count(*) FROM ledger GROUP BY kind ORDER BY kind")
        assert entries == [("charge", 2 * len(sagas)), ("refund", 2 * len(sagas))]
        again = await here.repair("retry", ids=sagas)
        assert again["changed"] == 0
        assert {case["note"] for case in again["cases"]} == {"nothing is owed"}
        assert (await here.repair("retry", everything=True))["cases"] == []


async def test_a_page_is_followed_by_the_next_and_all_are_met_once(admin_url: str) -> None:
    async with service(admin_url, payments(**DOWN)) as here:
        sagas = ["B", "a", "C", "b", "Z-1"]
        await owe(here, *sagas)
        met: list[str] = []
        after: str | None = ""
        while after is not None:
            page = await here.repair("retry", state="any", limit=2, after=after)
            met += [case["subject"] for case in page["cases"]]
            after = page["next_after"]
        assert sorted(met) == sorted(sagas)
        listed = (await here.client.get("/parked", params={"state": "waiting", "limit": 3})).json()
        assert len(listed["parked"]) == 3
        rest = {"state": "waiting", "after": listed["next_after"]}
        rest_of_them = (await here.client.get("/parked", params=rest)).json()["parked"]
        assert len(rest_of_them) == 2


@pytest.mark.parametrize(
    ("asked", "changed"),
    [
        ({"step": "refund"}, 2),
        ({"step": "release"}, 0),
        ({"mode": "choreography"}, 2),
        ({"mode": "orch"}, 0),
        ({"state": "waiting"}, 0),
        ({"reason": "out of stock"}, 2),
        ({"reason": "no courier capacity"}, 0),
        ({"since": "10m"}, 2),
        ({"since": "2999-01-01T00:00:00+00:00"}, 0),
    ],
)
async def test_a_filter_chooses(admin_url: str, asked: dict[str, str], changed: int) -> None:
    async with service(admin_url, payments(**DOWN)) as here:
        await owe(here, "a", "b")
        assert (await here.repair("retry", dry_run=True, **asked))["changed"] == changed


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"verb": "retry"}, "ids"),
        ({"verb": "retry", "ids": ["a"], "step": "refund"}, "ids"),
        ({"verb": "retry", "everything": True, "why": " "}, "why"),
        ({"verb": "retry", "everything": True, "who": ""}, "who"),
        ({"verb": "retry", "topic": "choreo.order-requested"}, "topic"),
        ({"verb": "redrive", "step": "refund"}, "step"),
        ({"verb": "cancel", "everything": True}, "verb"),
        ({"verb": "retry", "since": "yesterday"}, "since"),
        ({"verb": "retry", "ids": ["a"] * 501}, "ids"),
        ({"verb": "retry", "ids": ["a\0"]}, "ids.0"),
        ({"verb": "set", "ids": ["a"]}, "verb"),
        ({"verb": "retry", "ids": ["a"], "outcome": "UNDONE"}, "outcome"),
    ],
)
async def test_what_is_not_understood_is_refused_and_never_widened(
    admin_url: str, asked: dict[str, Any], field: str
) -> None:
    async with service(admin_url, payments()) as here:
        answer = await here.client.post("/repairs", json={**PERSON, **asked})
        assert answer.status_code == 422
        assert [one["field"] for one in answer.json()["errors"]] == [field]


async def test_a_verb_asks_for_the_token_and_a_look_does_not(admin_url: str) -> None:
    async with service(admin_url, payments(), SecretStr("of-the-house")) as here:
        asked = {"verb": "retry", "everything": True, **PERSON}
        assert (await here.client.post("/repairs", json=asked)).status_code == 401
        carried = {"Authorization": "Bearer of-the-house"}
        answer = await here.client.post("/repairs", json=asked, headers=carried)
        assert answer.status_code == 200
        for path in ("/parked", "/dead-letters", "/repairs"):
            assert (await here.client.get(path)).status_code == 200


# ---------------------------------------------------------------- dead letters

PUT_ASIDE: Final = """
    INSERT INTO dead_letters (mode, topic, partition, "offset", payload, size_bytes, sha256, reason,
        detail, saga_id)
    VALUES ('choreo', 'choreo.order-requested', 0, $1, $2, $3, '', 'handler_error', 'a bug', $4)"""


async def put_aside(here: Service, *messages: Any) -> None:
    for offset, message in enumerate(messages):
        payload = message.SerializeToString()
        await here.rows(PUT_ASIDE, offset, payload, len(payload), message.saga_id)


LETTERS: Final = "SELECT redrives, handled_at IS NOT NULL FROM dead_letters ORDER BY id"


async def test_a_letter_is_handled_once_its_cause_has_passed(admin_url: str) -> None:
    async with service(admin_url, payments()) as here:
        await here.hear("choreo.order-requested", pb.OrderRequested(saga_id="b", **AMOUNT))
        other = {**AMOUNT, "amount_cents": 500}
        await put_aside(
            here,
            pb.OrderRequested(saga_id="a", **AMOUNT),
            pb.OrderRequested(saga_id="b", **other),
        )
        assert len((await here.client.get("/dead-letters")).json()["dead_letters"]) == 2
        dry = await here.repair("redrive", everything=True, dry_run=True)
        assert [case["note"] for case in dry["cases"]] == ["handled", "still a dead letter"]
        assert await here.rows(LETTERS) == [(0, False), (0, False)]
        assert await here.rows("SELECT count(*) FROM payments") == [(1,)]

        done = await here.repair("redrive", topic="choreo.order-requested")
        assert [case["note"] for case in done["cases"]] == ["handled", "still a dead letter"]
        assert await here.rows(LETTERS) == [(1, True), (1, False)]
        assert await here.rows("SELECT outcome FROM payments WHERE saga_id = 'a'") == [("DONE",)]
        assert [row.type for row in here.said.rows] == ["PaymentCompleted"]
        (left,) = (await here.client.get("/dead-letters")).json()["dead_letters"]
        assert (left["saga_id"], left["redrives"]) == ("b", 1)

        again = await here.repair("redrive", ids=["1", "2", "x", "9" * 30])
        assert [case["after"] is None for case in again["cases"]] == [True, False]
        assert again["cases"][0]["note"].startswith("it was handled at ")
        history = await here.trail(saga_id="b")
        assert [row["after"]["reason"] for row in history] == ["contradiction"] * 2
        assert history[-1]["before"]["reason"] == "handler_error"
        assert await here.rows("SELECT count(*) FROM ledger") == [(4,)]


async def test_a_letter_that_the_database_refuses_stays_one(admin_url: str) -> None:
    async with service(admin_url, payments()) as here:
        await put_aside(here, *(pb.OrderRequested(saga_id=one, **AMOUNT) for one in "ab"))
        owner = admin_url.rpartition("/")[0]
        (name,) = (await here.rows("SELECT current_database()"))[0]
        pool = await create_pool(f"{owner}/{name}")
        await pool.execute("ALTER TABLE payments ADD CONSTRAINT bug CHECK (saga_id <> 'a')")
        done = await here.repair("redrive", everything=True)
        assert [case["note"] for case in done["cases"]] == ["still a dead letter", "handled"]
        assert "CheckViolation" in done["cases"][0]["after"]["detail"]
        assert await here.rows(LETTERS) == [(1, False), (1, True)]
        await pool.execute("ALTER TABLE payments DROP CONSTRAINT bug")
        pool.terminate()
        assert (await here.repair("redrive", everything=True))["changed"] == 1
        assert await here.rows(LETTERS) == [(2, True), (1, True)]


# ---------------------------------------------------------------- orchestration, and orders


def refused(saga_id: str) -> Any:
    return pb.PaymentReply(saga_id=saga_id, action=pb.PAYMENT_ACTION_REFUND, reason="try again")


async def stand(here: Service) -> None:
    """One parked, one undoing, one running, one ended; `orch` in the names of none."""
    for saga_id in ("parked", "undoing", "running", "ended"):
        await here.hear("orch.place-order", pb.PlaceOrder(saga_id=saga_id, **AMOUNT))
    paid = [
        pb.PaymentReply(saga_id=one, action=pb.PAYMENT_ACTION_AUTHORIZE, ok=one != "ended")
        for one in ("parked", "undoing", "ended")
    ]
    none = [
        pb.InventoryReply(saga_id=one, action=pb.INVENTORY_ACTION_RESERVE, reason="out of stock")
        for one in ("parked", "undoing")
    ]
    await here.hear("orch.payment-reply", *paid)
    await here.hear("orch.inventory-reply", *none)
    await here.hear("orch.payment-reply", *[refused("parked")] * PARK_AFTER, refused("undoing"))


async def test_an_orchestrated_saga_is_moved_on_and_its_history_says_so(admin_url: str) -> None:
    settings = OrchestratorSettings(park_after_attempts=PARK_AFTER)
    async with service(admin_url, orchestrator.__main__.describe(settings)) as here:
        await stand(here)
        listed = (await here.client.get("/parked", params={"state": "any"})).json()["parked"]
        assert [(one["saga_id"], one["state"]) for one in listed] == [
            ("parked", "parked"),
            ("undoing", "waiting"),
        ]
        note = (await here.repair("resend", ids=["parked"]))["cases"][0]["note"]
        assert note == "it is parked: retry moves it on"
        done = await here.repair("retry", ids=["parked", "undoing", "running", "ended"])
        notes = {case["subject"]: case["note"] for case in done["cases"]}
        assert notes["ended"] == "it has ended (FAILED); an end is never left"
        assert notes["running"].startswith("nothing is being undone")
        assert done["changed"] == 2
        saga = (await here.client.get("/sagas/parked")).json()
        assert (saga["parked"], saga["attempts"]) == (False, PARK_AFTER)
        last = saga["history"][-1]
        assert (last["event"], last["version"]) == ("retry", saga["version"])
        assert last["source"] == last["target"] == "COMPENSATING_PAYMENT"
        undoing = (await here.client.get("/sagas/undoing")).json()
        assert undoing["history"][-1]["event"] == "payment-reply REFUND refused"

        await here.due()
        assert sorted(row.key for row in here.said.rows) == ["parked", "undoing"]
        await here.hear("orch.payment-reply", refused("parked"))
        assert (await here.client.get("/sagas/parked")).json()["parked"] is False
        await here.hear("orch.payment-reply", *[refused("parked")] * PARK_AFTER)
        again = (await here.client.get("/sagas/parked")).json()
        assert (again["parked"], again["attempts"]) == (True, 2 * PARK_AFTER)


async def test_an_orchestrated_saga_is_asked_to_end_once(admin_url: str) -> None:
    async with service(admin_url, orchestrator.__main__.describe(OrchestratorSettings())) as here:
        await stand(here)
        done = await here.repair("cancel", ids=["running", "ended"])
        assert done["changed"] == 1
        assert (await here.client.get("/sagas/running")).json()["cancel_asked"] is True
        assert (await here.repair("cancel", ids=["running"]))["changed"] == 0
        resent = await here.repair("resend", step="payment")
        assert [case["subject"] for case in resent["cases"]] == ["running"]


async def test_orders_are_asked_to_end_or_said_now(admin_url: str) -> None:
    async with service(admin_url, order.__main__.describe(OrderSettings())) as here:
        for mode in ("choreo", "orch"):
            body = {"mode": mode, "saga_id": mode}
            assert (await here.client.post("/sagas", json=body)).status_code == 202
        await here.rows("UPDATE orders SET known = true, say_again_at = 'infinity'")
        resent = await here.repair("resend", everything=True)
        assert [case["subject"] for case in resent["cases"] if case["after"]] == ["choreo"]
        said = len(here.said.rows)
        await here.due()
        assert [row.key for row in here.said.rows[said:]] == ["choreo"]
        done = await here.repair("cancel", mode="orchestration")
        assert [case["subject"] for case in done["cases"]] == ["orch"]
        assert here.said.rows[-1].key == "orch"
        ended = "UPDATE orders SET status = 'SUCCESS', outcome = 'completed', current_step = 'DONE'"
        await here.rows(ended)
        late = (await here.repair("cancel", ids=["choreo"]))["cases"][0]
        assert (late["after"], late["note"]) == (
            None,
            "it has ended (completed); an end is never left",
        )
        assert len(await here.trail()) == 2
