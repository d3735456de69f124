"""How the servers of each peer are started, on free ports of this machine and in its own folder.

Knows each engine's settings, and nothing of cases and measures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from brewsaga.stack import Stack
from brewsaga.stack.ports import free_ports
from peers.environments import node_modules
from peers.servers import Program, Server, StackPostgres


@dataclass(frozen=True, slots=True)
class Room:
    """What there is for one peer: a stack, a database of its own, a folder, its interpreter."""

    stack: Stack
    database_url: str
    folder: Path
    python: Path


@dataclass(frozen=True, slots=True)
class Running:
    """The servers of a peer, started in this order, and what its adapter is told of them."""

    servers: tuple[Server, ...]
    environment: Mapping[str, str]


def on_postgres(room: Room) -> Running:
    """Nothing but a database."""
    return Running((StackPostgres(room.stack),), {"PEERS_STORE_URL": room.database_url})


def restate(room: Room) -> Running:
    """One node with all roles; each listens on loopback alone."""
    ingress, admin, node, adapter = free_ports(4)
    packages = node_modules("restate") / "@restatedev"
    binary = next(packages.glob("restate-server-*/bin/restate-server"))
    given = {
        "RESTATE_BASE_DIR": str(room.folder / "restate"),
        "RESTATE_NODE_NAME": "peers",
        "RESTATE_CLUSTER_NAME": "peers",
        "RESTATE_BIND_IP": "127.0.0.1",
        "RESTATE_ADVERTISED_HOST": "127.0.0.1",
        "RESTATE_BIND_PORT": str(node),
        "RESTATE_INGRESS__BIND_PORT": str(ingress),
        "RESTATE_ADMIN__BIND_PORT": str(admin),
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_LOG_FILTER": "warn",
        "DO_NOT_TRACK": "1",
    }
    ready = (f"http://127.0.0.1:{ingress}/restate/health", f"http://127.0.0.1:{admin}/health")
    server = Program(
        "restate-server",
        [str(binary), "--no-logo"],
        ingress,
        room.folder / "restate-server.log",
        given,
        lambda: all(_answers(url) for url in ready),
    )
    told = {
        "PEERS_INGRESS": f"http://127.0.0.1:{ingress}",
        "PEERS_ADMIN": f"http://127.0.0.1:{admin}",
        "PEERS_PORT": str(adapter),
    }
    return Running((server,), told)


def temporal(room: Room) -> Running:
    """The development server with a file, without its web page."""
    (port,) = free_ports(1)
    command = [
        str(room.python.with_name("temporal")),
        *("server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port)),
        *("--db-filename", str(room.folder / "temporal.sqlite"), "--log-level", "error"),
    ]
    server = Program("temporal", command, port, room.folder / "temporal-server.log")
    return Running((server,), {"PEERS_SERVER": f"127.0.0.1:{port}"})


def natsaga(room: Room) -> Running:
    """NATS with JetStream on files, beside Postgres."""
    (port,) = free_ports(1)
    command = [
        str(room.python.with_name("nats-server")),
        *("--addr", "127.0.0.1", "--port", str(port)),
        *("--jetstream", "--store_dir", str(room.folder / "jetstream")),
    ]
    server = Program("nats-server", command, port, room.folder / "nats-server.log")
    told = {"PEERS_STORE_URL": room.database_url, "PEERS_NATS": f"nats://127.0.0.1:{port}"}
    return Running((StackPostgres(room.stack), server), told)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1, trust_env=False).is_success
    except httpx.TransportError:
        return False
