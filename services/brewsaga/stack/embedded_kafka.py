"""The broker inside librdkafka, in a process of its own, where no real Kafka can be had.

It keeps everything in memory, forgets beyond 5 MiB a partition, makes a topic when it is asked for
one (with four partitions) and has a new address at each start. No guarantee may be tested on it.
The process is this module, run by its name.
"""

import json
import sys
from pathlib import Path
from typing import Any

import confluent_kafka

from brewsaga.stack.processes import Guard, Server, own_environment, wait_until

START_PATIENCE_SECONDS = 20.0


class EmbeddedKafka:
    """One stack's embedded broker; started again it is empty, and has another address."""

    def __init__(self, guard: Guard, folder: Path, reason: str) -> None:
        """`reason` says why no real Kafka runs, in words for a person."""
        self._guard, self._folder, self._reason = guard, folder, reason
        self._address = folder / "embedded.json"
        self._server: Server | None = None

    @property
    def bootstrap(self) -> str:
        """host:port of the broker."""
        return str(json.loads(self._address.read_text())["bootstrap"])

    def describe(self) -> str:
        """What runs, in one line."""
        return (
            f"the broker inside librdkafka {confluent_kafka.libversion()[0]} at {self.bootstrap},"
            f" because {self._reason}: in memory, forgets beyond 5 MiB a partition,"
            " nothing outlives it"
        )

    def servers(self) -> dict[str, Server]:
        """The process by its name."""
        return {} if self._server is None else {"kafka-embedded": self._server}

    def start(self) -> None:
        """Start it where it does not run."""
        if self._server is not None and self._server.running():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._address.unlink(missing_ok=True)
        command = [sys.executable, "-m", "brewsaga.stack.embedded_kafka", str(self._address)]
        log = self._folder / "embedded.log"
        self._server = self._guard.start(command, log, environment=own_environment())
        wait_until(
            self._address.exists, [self._server], "the embedded Kafka", START_PATIENCE_SECONDS
        )

    def stop(self) -> None:
        """There is nothing to save."""
        self.kill()

    def kill(self) -> None:
        """Kill -9; everything is forgotten."""
        if self._server is not None and self._server.running():
            self._server.kill()

    def wipe(self) -> None:
        """Killing it forgets all."""
        self.kill()


def serve(address: Path) -> None:
    """Hold the client that holds the broker, and write its address, until killed."""
    settings: dict[str, Any] = {"bootstrap.servers": "", "test.mock.num.brokers": 1, "log_level": 0}
    client = confluent_kafka.Producer(settings)
    brokers = client.list_topics(timeout=START_PATIENCE_SECONDS).brokers
    bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers.values())
    scratch = address.with_suffix(".new")
    scratch.write_text(json.dumps({"bootstrap": bootstrap}))
    scratch.rename(address)
    while True:
        client.poll(60.0)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
