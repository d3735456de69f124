"""A real Apache Kafka on loopback: one or three brokers in KRaft mode, from plain jars.

Brokers may be killed and started again on the same data. This module must not know which topics
exist or what they are for.
"""

import base64
import json
import os
import shutil
import signal
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from brewsaga.stack.broker_properties import BrokerPlace, properties
from brewsaga.stack.config import ANY_FREE_PORT, StackError
from brewsaga.stack.jars import KAFKA_VERSION
from brewsaga.stack.java import Java
from brewsaga.stack.ports import LOOPBACK, accepts, free_ports, holder, is_free
from brewsaga.stack.processes import Guard, Server, wait_until
from brewsaga.stack.progress import tell
from brewsaga.stack.topics import broker_count

START_PATIENCE_SECONDS = 90.0
STOP_PATIENCE_SECONDS = 8.0
"""An orderly stop flushes each partition by itself: two seconds with 600 of them, half a minute
where others want the disk too. Then it is killed, and nothing acknowledged is lost: that is in the
system's hands before Kafka answers, and the next start reads the logs' ends again.
"""
FORMAT_PATIENCE_SECONDS = 60
HEAP = "512m"
CONTROLLER_PORT_OFFSET = 10  # of a broker whose own port was chosen by the caller
JVM_OPTIONS = (
    "-XX:+UseG1GC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-XX:-UsePerfData",  # its file in the system's temporary folder would outlive kill -9
)
LOGGING_OPTIONS = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)


class RealKafka:
    """The brokers of one stack; started again they have the same data and ports."""

    def __init__(self, guard: Guard, folder: Path, java: Java, jars: Path) -> None:
        """`folder` holds all they keep; `jars` all they are made of."""
        self._guard, self._folder, self._java, self._jars = guard, folder, java, jars
        self._servers: dict[int, Server] = {}
        self._places: tuple[BrokerPlace, ...] = ()

    @property
    def bootstrap(self) -> str:
        """host:port of every broker, with commas."""
        return ",".join(f"{LOOPBACK}:{place.port}" for place in self._places)

    def describe(self) -> str:
        """What runs, in one line."""
        count = "one broker" if len(self._places) == 1 else f"{len(self._places)} brokers"
        return (
            f"Apache Kafka {KAFKA_VERSION}, {count} at {self.bootstrap}"
            f" (Java {self._java.version} from {self._java.found_in}, jars from {self._jars})"
        )

    def servers(self) -> dict[str, Server]:
        """The processes by name."""
        return {f"kafka-{node}": server for node, server in self._servers.items()}

    @property
    def detours(self) -> dict[int, int]:
        """The port that a broker's clients are told to come by, and its own behind that."""
        return {place.detour_told: place.detour_port for place in self._places if place.detour_told}

    def configure(self, port: int, brokers: int, *, detour: bool = False) -> None:
        """Decide ports: the stored ones of earlier starts, else those asked for, else free ones."""
        if "," in str(self._folder):
            raise StackError(
                f"Kafka takes a comma for the end of a folder's name, and there is one in"
                f" {self._folder}: use a folder without"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        stored = self._folder / "cluster.json"
        if stored.exists():
            known = [BrokerPlace(**place) for place in json.loads(stored.read_text())["places"]]
            if len(known) != brokers:
                raise StackError(
                    f"{self._folder} holds a cluster of {len(known)} brokers"
                    f" and {brokers} were asked for: ask for as many, or remove that folder"
                )
            still_free = all(is_free(place.port) for place in known)
            if port == known[0].port or (port == ANY_FREE_PORT and still_free):
                self._places = tuple(known)
                return
        self._places = tuple(_places(port, brokers))
        if detour:
            self._places = tuple(_with_detour(place) for place in self._places)
        places = [vars(place) for place in self._places]
        stored.write_text(json.dumps({"places": places}, indent=1))

    def start(self, nodes: Sequence[int] | None = None) -> None:
        """Start the brokers that do not run (or these), and wait until clients are served."""
        wanted = [place for place in self._places if nodes is None or place.node in nodes]
        starting = [place for place in wanted if not self._runs(place.node)]
        running = [place for place in self._places if self._runs(place.node)]
        for place in starting:
            _check_ports(place)
        cluster_id = self._cluster_id()  # once, before threads: each would draw one of its own
        with ThreadPoolExecutor(len(self._places)) as pool:
            list(pool.map(lambda place: self._prepare(place, cluster_id), starting))
        for place in starting:
            folder = self._broker_folder(place.node)
            settings = str(folder / "server.properties")
            # Native libraries are unpacked there, and not where kill -9 would leave them for ever.
            temporary = f"-Djava.io.tmpdir={folder / 'temporary'}"
            command = self._command(temporary, "kafka.Kafka", settings, heap=HEAP)
            self._servers[place.node] = self._guard.start(
                command, folder / "server.log", environment=_environment()
            )
        self._wait_until_served(running + starting)

    def stop(self, nodes: Sequence[int] | None = None) -> None:
        """Stop in order, as an operator would (SIGTERM); kill what takes too long."""
        chosen = self._chosen(nodes)
        if not chosen:
            return
        with ThreadPoolExecutor(len(chosen)) as pool:
            list(pool.map(lambda s: s.stop((signal.SIGTERM,), STOP_PATIENCE_SECONDS), chosen))

    def kill(self, nodes: Sequence[int] | None = None) -> None:
        """Kill -9; the data stay."""
        for server in self._chosen(nodes):
            server.kill()

    def wipe(self) -> None:
        """Kill all brokers and forget all they kept; the next start is on the same ports."""
        self.kill()
        for place in self._places:
            shutil.rmtree(self._broker_folder(place.node), ignore_errors=True)

    def _chosen(self, nodes: Sequence[int] | None) -> list[Server]:
        chosen = [
            server for node, server in self._servers.items() if nodes is None or node in nodes
        ]
        return [server for server in chosen if server.running()]

    def _runs(self, node: int) -> bool:
        return node in self._servers and self._servers[node].running()

    def _broker_folder(self, node: int) -> Path:
        return self._folder / f"broker-{node}"

    def _cluster_id(self) -> str:
        """One id for all brokers, as Kafka writes a uuid; it must not begin with a dash."""
        path = self._folder / "cluster-id"
        if not path.exists():
            drawn = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            path.write_text("B" + drawn[1:])
        return path.read_text()

    def _prepare(self, place: BrokerPlace, cluster_id: str) -> None:
        """Write the settings and, before the first start, format the storage."""
        folder = self._broker_folder(place.node)
        (folder / "temporary").mkdir(parents=True, exist_ok=True)
        settings = folder / "server.properties"
        settings.write_text(properties(place, self._places, folder / "log"))
        if (folder / "log" / "meta.properties").exists():
            return
        tool = ("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(settings))
        self._guard.run(
            self._command(*tool),
            folder / "server.log",
            FORMAT_PATIENCE_SECONDS,
            environment=_environment(),
        )

    def _command(self, *arguments: str, heap: str = "128m") -> list[str]:
        memory = (f"-Xms{heap}", f"-Xmx{heap}")
        classes = ("-cp", f"{self._jars}{os.sep}*")
        java = str(self._java.binary)
        return [java, *memory, *JVM_OPTIONS, *LOGGING_OPTIONS, *classes, *arguments]

    def _wait_until_served(self, places: Sequence[BrokerPlace]) -> None:
        """Until each of these accepts clients and tells of all the others; one's death ends it."""
        servers = [self._servers[place.node] for place in places]
        ports = [place.port for place in places]
        quiet = START_PATIENCE_SECONDS
        wait_until(lambda: all(accepts(port) for port in ports), servers, "Kafka", quiet)
        wait_until(
            lambda: broker_count(self.bootstrap) >= len(places), servers, "Kafka's cluster", quiet
        )
        tell(f"Kafka serves {self.bootstrap}")


def _places(port: int, brokers: int) -> list[BrokerPlace]:
    """Ports for so many brokers: following the one that was asked for, or any free ones."""
    if port == ANY_FREE_PORT:
        free = free_ports(2 * brokers)
        pairs = list(zip(free[:brokers], free[brokers:], strict=True))
    else:
        pairs = [(port + n, port + n + CONTROLLER_PORT_OFFSET) for n in range(brokers)]
    return [BrokerPlace(n, own, controller) for n, (own, controller) in enumerate(pairs, start=1)]


def _with_detour(place: BrokerPlace) -> BrokerPlace:
    own, told = free_ports(2)
    return replace(place, detour_port=own, detour_told=told)


def _environment() -> dict[str, str]:
    """Ours, with a locale in which Java can name every file; in C it knows ASCII alone."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _check_ports(place: BrokerPlace) -> None:
    for port in (place.port, place.controller_port):
        if not is_free(port):
            raise StackError(
                f"port {port}, which Kafka needs, is taken by {holder(port)}: end it, or choose"
                " another with --kafka-port (0 is any free one)"
            )
