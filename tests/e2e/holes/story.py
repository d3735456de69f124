"""A module's world of the holes: orders are placed, strangers speak, and the facts are compared.

One world serves every test of a module, so each test has its own sagas and none kills anything. It
must not know how a service decides.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from brewsaga.audit.topics import Said, read_topics
from brewsaga.services_runner import Places
from e2e.records import BY_KEY, settled
from e2e.world import World
from saga.contract import Mode, Topic
from sagakit.core.chance import unlucky

SEED: Final = "holes"
IMPATIENT: Final = {
    "RESAY_AFTER_SECONDS": "1",
    "RESAY_MAX_SECONDS": "1",
    "PARK_AFTER_ATTEMPTS": "100",
    "OUTBOX_KEEP": "true",
    "FAULT_SEED": SEED,
}
"""What is awaited is said again every second; nothing is parked; the audit may compare messages."""

EFFECTS: Final = {
    "payment": ("payments", "ledger"),
    "inventory": ("reservations", "stock_moves"),
    "shipment": ("shipments", "assignments"),
    "orchestrator": ("saga_state", "saga_history"),
    "order": ("orders",),
}
"""All that is done to a saga, and what is known of it; the timeline counts what is heard again."""

OF_WORDS: Final = frozenset({2, 4, 17})
"""The invariants that speak of what was said: a forged word may break these and no other."""

Facts = dict[str, list[dict[str, Any]]]
"""By table, the whole rows of some sagas."""


@dataclass(slots=True)
class Story:
    """What is done in one world, and of which sagas a stranger said what never was."""

    here: World
    contradicted: set[str] = field(default_factory=set)
    wiped: bool = False
    """Whether what was said is lost, so that the stores alone can be judged."""

    async def place(self, mode: Mode, orders: int = 1, **terms: Any) -> list[str]:
        """Place equal orders; their saga ids."""
        order = {"mode": mode.value, "customer_id": "story", **terms}
        return await self.here.place([order] * orders)

    async def ends(self, mode: Mode, saga_ids: Sequence[str]) -> set[str]:
        """Wait until each has ended and all that follows from it is over; the kinds of ends."""
        ends = await self.here.ends(mode.value, saga_ids, by_order=True)
        await settled(self.here)
        return set(ends.values())

    async def tell(self, *words: tuple[Topic, str, bytes]) -> None:
        """Say these (topic, saga id, message) as a stranger; wait until all of it is over."""
        records = [(topic.name, BY_KEY, key.encode(), value) for topic, key, value in words]
        self.here.produce(records)
        await settled(self.here)

    async def said(self, *saga_ids: str, topic: Topic | None = None) -> list[Said]:
        """What lies in the topics of these sagas, the oldest first; in one topic, if given."""
        found = await asyncio.to_thread(read_topics, self.here.bootstrap, self.here.prefix)
        mine = [one for one in found if one.saga_id in saga_ids and topic in (None, one.topic)]
        return sorted(mine, key=lambda one: one.timestamp_ms)

    async def facts(self, saga_ids: Sequence[str]) -> Facts:
        """Every row of these sagas in every service."""
        found: Facts = {}
        for service, tables in EFFECTS.items():
            for table in tables:
                query = f"SELECT * FROM {table} WHERE saga_id = ANY($1) ORDER BY {table}"  # noqa: S608
                rows = await self.here.rows(service, query, list(saga_ids))
                found[table] = [dict(row) for row in rows]
        return found

    async def metric(self, service: str, name: str, **labels: str) -> float:
        """The sum of a service's counter over these labels."""
        return await counted(self.here.places[service], name, **labels)

    async def check_verdict(self) -> None:
        """Every invariant holds; a stranger's false words are seen, and are all that is seen.

        Asked for after `ends` or `tell`, which wait until all is over.
        """
        report = await self.here.audit(topics=not self.wiped)
        print(report.summary())
        assert report.quiet
        assert self.wiped or not [line.title for line in report.lines if line.unseen]
        broken = {(v.saga_id, v.invariant) for v in report.violations}
        assert {saga_id for saga_id, _ in broken} == self.contradicted, "\n".join(report.text())
        assert {number for _, number in broken} <= OF_WORDS, "\n".join(report.text())


async def counted(process: Places, name: str, **labels: str) -> float:
    """The sum of one process's counter over these labels."""
    url = f"http://127.0.0.1:{process.metrics_port}/metrics"
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        text = (await client.get(url)).text
    samples = (s for f in text_string_to_metric_families(text) for s in f.samples)
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def entries(facts: Facts, table: str, kind: str) -> int:
    """How many rows of a kind: ledger entries (two a movement), moves (one an ingredient)."""
    return sum(row["kind"] == kind for row in facts[table])


def outcomes(facts: Facts, table: str) -> list[str]:
    return [row["outcome"] for row in facts[table]]


def refused_first(undo: str, mode: Mode, failures: int, sagas: int) -> list[str]:
    """Saga ids whose undo at 50 % fails exactly so often before it is done: chance is a hash."""

    def unfortunate() -> Iterator[str]:
        for number in count():
            saga_id = f"{undo}-refused-{mode.value}-{number}"
            failed = [unlucky(SEED, saga_id, undo, 0.5, n) for n in range(failures + 1)]
            if failed == [True] * failures + [False]:
                yield saga_id

    return list(islice(unfortunate(), sagas))
