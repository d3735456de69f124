"""The demonstration: all of it on one machine, orders in both modes, refusals at every step, then
the audit.

It has a data folder and ports of its own and removes both. It is a client like any other: it places
orders over HTTP and reads ends and timelines there; the verdict is the audit's, which uses no
service's code.
"""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from brewsaga import render
from brewsaga.api_client import Json, OrderApi, order_api
from brewsaga.audit import Report, audit
from brewsaga.commands import ascii_only, timeline_text
from brewsaga.demo_orders import orders
from brewsaga.errors import CommandError, Exit
from brewsaga.machine import tell
from brewsaga.services_runner import services_running
from brewsaga.visit import Visit, visit
from saga.contract import DATABASES, Mode, Outcome

END_SECONDS: Final = 45.0
"""How long all orders together may take to end."""

ASK_SECONDS: Final = 0.2
PLACED_AT_ONCE: Final = 8
SETTINGS: Final = {
    "MODE": "both",
    "OUTBOX_KEEP": "true",
    "RESAY_AFTER_SECONDS": "1",
    "RESAY_MAX_SECONDS": "2",
    "FAULTS_ENABLED": "true",
}
"""Kept outbox rows let the audit compare each message with its transaction; the short silence suits
a short show.
"""

CASCADE: Final = (
    "order-requested",
    "payment-completed",
    "inventory-reserved",
    "shipment-failed",
    "inventory-released",
    "payment-refunded",
)
"""The full compensation, event by event, which must be seen in the choreography."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of the orders: every saga, one cascade's timeline, and how long it took."""

    sagas: Sequence[Json]
    cascade: Json
    seconds: float


def demo(count: int, seed: str, *, keep: bool) -> Exit:
    """Run it all.

    0 where every order ended, every step refused one, and no promise was broken; 4 else.
    """
    with visit("demo", keep=keep) as here:
        return asyncio.run(_show(here, count, seed))


async def _show(here: Visit, count: int, seed: str) -> Exit:
    tell(f"starting {', '.join(DATABASES)} …")
    prefix, ready = here.topic_prefix, here.backing
    given = {**SETTINGS, "TOPIC_PREFIX": prefix}
    async with services_running(ready, here.folder / "logs", given) as places:
        async with order_api(places["order"].url) as api:
            shown = await _place_and_wait(api, count, seed)
        report = await audit(ready.database_urls, ready.bootstrap, prefix)
    return _print(shown, report)


async def _place_and_wait(api: OrderApi, count: int, seed: str) -> Shown:
    tell(f"placing {count} orders in each mode …")
    begun = time.monotonic()
    gate = asyncio.Semaphore(PLACED_AT_ONCE)

    async def place(mode: Mode, index: int, order: Json) -> str:
        async with gate:
            # The id is part of what chance is drawn from: the same seed gives the same fates.
            saga_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{seed}/{mode.value}/{index}"))
            await api.place({**order, "mode": mode.value, "saga_id": saga_id}, saga_id)
            return saga_id

    placed = await asyncio.gather(
        *(
            place(mode, index, order)
            for index, order in enumerate(orders(count, seed))
            for mode in Mode
        )
    )
    await _until_all_ended(api, len(placed))
    seconds = time.monotonic() - begun
    sagas = [saga async for saga in api.sagas(len(placed))]
    return Shown(sagas, await _cascade(api, sagas), seconds)


async def _until_all_ended(api: OrderApi, count: int) -> None:
    deadline = time.monotonic() + END_SECONDS
    while True:
        open_sagas, _ = await api.page(status="RUNNING", limit=5)
        if not open_sagas:
            return
        if time.monotonic() > deadline:
            named = ", ".join(f"{s['saga_id']} at {s['current_step']}" for s in open_sagas)
            text = f"not all of {count} orders ended within {END_SECONDS:.0f} s; open: {named}"
            raise CommandError(text, "brewsaga demo --keep, then read the logs", Exit.TIMED_OUT)
        await asyncio.sleep(ASK_SECONDS)


async def _cascade(api: OrderApi, sagas: Sequence[Json]) -> Json:
    """The timeline of a choreographed saga that was undone from its last step."""
    for saga in sagas:
        if saga["mode"] == Mode.CHOREO.long and saga["outcome"] == Outcome.COMPENSATED.value:
            timeline = await api.timeline(saga["saga_id"])
            if set(CASCADE) <= {event["event"] for event in timeline["events"]}:
                return timeline
    text = "no choreographed order went through the whole cascade of compensations"
    raise CommandError(text, "brewsaga demo --keep, then read the logs", Exit.NEEDS_A_PERSON)


def _print(shown: Shown, report: Report) -> Exit:
    arrow = " -> " if ascii_only() else " → "
    saga_id = shown.cascade["saga_id"]
    print(f"\nsaga {saga_id}, choreographed, undone from its last step:\n{arrow.join(CASCADE)}\n")
    print("\n".join(timeline_text(shown.cascade)))
    print(f"\nends of {len(shown.sagas)} orders, {shown.seconds:.1f} s from the first to the last:")
    print("\n".join(_ends(shown.sagas)))
    print("\npromises, judged from the databases and topics alone:")
    print("\n".join(report.text()))
    return Exit.NEEDS_A_PERSON if report.violations or not report.quiet else Exit.COMPLETED


def _ends(sagas: Sequence[Json]) -> list[str]:
    """A row an end and its reason, a column a mode."""
    counts = Counter((s["mode"], s["outcome"], s["failure_reason"] or "-") for s in sagas)
    kinds = sorted({(outcome, reason) for _, outcome, reason in counts})
    rows = [
        (outcome, reason, *(counts[mode.long, outcome, reason] for mode in Mode))
        for outcome, reason in kinds
    ]
    totals = [sum(1 for saga in sagas if saga["mode"] == mode.long) for mode in Mode]
    columns = ("outcome", "reason", *(mode.long for mode in Mode))
    return render.table(columns, [*rows, ("all", "", *totals)])
