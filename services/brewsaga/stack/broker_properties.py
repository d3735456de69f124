"""The settings of one of our brokers, with the reason beside each that is not Kafka's own default.

A pure function of numbers; it must not know of processes or files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

GROUP_SESSION_MS = 2_000  # a dead member's partitions move in about this time
GROUP_HEARTBEAT_MS = 500
INTERNAL_PARTITIONS = 8  # Kafka's 50 cost seconds at start and serve nobody on one machine
CLEANER_BUFFER_BYTES = 16 * 1024 * 1024  # the default of 128 MiB does not fit a heap of 512 MiB
BROKER_HEARTBEAT_MS = 300
ASCII_END = 128
DETOUR = "DETOUR"


@dataclass(frozen=True)
class BrokerPlace:
    """Where one broker listens and keeps its log; node ids begin at 1.

    Whoever comes by `detour_port` is told to go on by `detour_told`, where somebody else listens
    and passes on: a test's bad network. 0 means that there is none.
    """

    node: int
    port: int
    controller_port: int
    detour_port: int = 0
    detour_told: int = 0


def properties(place: BrokerPlace, everyone: Sequence[BrokerPlace], log_dir: Path) -> str:
    """The server.properties of one broker of a cluster that all have both roles."""
    replicas = len(everyone)
    in_sync = min(2, replicas)
    voters = ",".join(f"{other.node}@127.0.0.1:{other.controller_port}" for other in everyone)
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": place.node,
        "listeners": f"PLAINTEXT://127.0.0.1:{place.port},"
        f"CONTROLLER://127.0.0.1:{place.controller_port}{_listens(place.detour_port)}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{place.port}{_listens(place.detour_told)}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
        f"{DETOUR}:PLAINTEXT",
        # Voters named here and not in the stored log: the ports may then change between two starts.
        "controller.quorum.voters": voters,
        "log.dir": escaped(str(log_dir)),
        "log.cleaner.dedupe.buffer.size": CLEANER_BUFFER_BYTES,
        "auto.create.topics.enable": "false",  # none is better than one with wrong partitions
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        **_internal_topics(replicas, in_sync),
        **_liveness(replicas),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _listens(port: int) -> str:
    return f",{DETOUR}://127.0.0.1:{port}" if port else ""


def escaped(value: str) -> str:
    """A value as a file of properties holds it: Java reads one as Latin-1, whatever we write."""
    written = value.replace("\\", r"\\").encode("utf-16-be", errors="surrogatepass")
    units = (int.from_bytes(written[at : at + 2]) for at in range(0, len(written), 2))
    return "".join(chr(unit) if unit < ASCII_END else f"\\u{unit:04x}" for unit in units)


def _internal_topics(replicas: int, in_sync: int) -> dict[str, object]:
    settings: dict[str, object] = {
        "offsets.topic.num.partitions": INTERNAL_PARTITIONS,
        "offsets.topic.replication.factor": replicas,
    }
    for topic in ("transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{topic}.num.partitions"] = INTERNAL_PARTITIONS
        settings[f"{topic}.replication.factor"] = replicas
        settings[f"{topic}.min.isr"] = in_sync
    return settings


def _liveness(replicas: int) -> dict[str, object]:
    """Notice a dead broker or member in seconds.

    The lower bounds are lowered too, else Kafka refuses to start.
    """
    return {
        "broker.session.timeout.ms": 3_000 if replicas > 1 else 1_500,
        "broker.heartbeat.interval.ms": BROKER_HEARTBEAT_MS,
        "group.min.session.timeout.ms": 1_000,
        "group.initial.rebalance.delay.ms": 0,
        "group.consumer.min.session.timeout.ms": 1_000,
        "group.consumer.session.timeout.ms": GROUP_SESSION_MS,
        "group.consumer.min.heartbeat.interval.ms": 100,
        "group.consumer.heartbeat.interval.ms": GROUP_HEARTBEAT_MS,
        "group.consumer.assignment.interval.ms": 0,
    }
