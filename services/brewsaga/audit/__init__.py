"""The audit: are the promises kept? Judged from SQL and raw topics alone, with no service's code.

    report = await audit({"payment": "postgresql://…", …}, "localhost:9092", "saga-")

It may import the contract, the generated messages, asyncpg and confluent_kafka. What it cannot see
it says.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from brewsaga.audit import ends, messages, money, outbox, stock
from brewsaga.audit.report import Line, Report, Violation
from brewsaga.audit.stores import Stores, came_meanwhile, load
from brewsaga.audit.topics import Said, read_topics

__all__ = ["Line", "Report", "Violation", "audit", "judge"]


async def audit(
    database_urls: Mapping[str, str], kafka: str | Mapping[str, Any] | None, prefix: str
) -> Report:
    """Read the stores and topics that are given and judge them.

    `kafka` is its address, or all that the client library must be told to get in.

    Databases come first: what they call acknowledged must then be found in the topics. Raises what
    asyncpg and confluent_kafka raise where an address does not answer.
    """
    stores = await load(database_urls)
    said = await asyncio.to_thread(read_topics, kafka, prefix) if kafka else None
    came = await came_meanwhile(database_urls, stores)
    return judge(replace(stores, came_meanwhile=came), said, prefix)


def judge(stores: Stores, said: list[Said] | None, prefix: str) -> Report:
    """Judge what was read: pure, so that a test can plant a violation."""
    lines = (
        ends.one_saga(stores),
        ends.one_end(stores, said),
        ends.legal_path(stores, said),
        ends.success_has_all(stores),
        ends.failed_has_none(stores),
        ends.shipped_keeps(stores),
        money.ledger_balances(stores),
        money.income_is_sales(stores),
        money.charged_once(stores),
        money.saga_pays_its_price(stores),
        stock.nothing_negative(stores),
        stock.stock_is_conserved(stores),
        stock.reserved_is_delivered(stores),
        stock.one_shipment(stores),
        messages.one_decision(stores, said),
        outbox.same_transaction(stores),
        outbox.outbox_is_said(stores, said, prefix),
        outbox.same_bytes(stores, said),
        messages.dead_letters_accounted(stores, said),
    )
    seen = (*stores.seen, *(() if said is None else (f"{len(said)} records",)))
    return Report(lines, len(stores.sagas()), stores.open_sagas(), seen)
