"""What a supervisor writes down, so that other commands find, recognise and end it.

It is the file `stack.json`, which holds the Postgres superuser's URL and is therefore readable by
its owner alone.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from brewsaga.stack.processes import Identity

STATE_FILE = "stack.json"


@dataclass(frozen=True)
class StackState:
    """One supervisor and what it has started. `ready` is false while something is being started."""

    supervisor: Identity
    watchdog: Identity
    servers: dict[str, Identity] = field(default_factory=dict)
    ready: bool = False
    bootstrap: str = ""
    postgres_admin_url: str = ""
    description: str = ""
    error: str = ""

    def alive(self) -> dict[str, Identity]:
        """What of it lives now, by name."""
        everyone = {"supervisor": self.supervisor, "watchdog": self.watchdog, **self.servers}
        return {name: who for name, who in everyone.items() if who.process() is not None}

    def complete(self) -> bool:
        """Whether everything that was started still lives."""
        return self.ready and len(self.alive()) == len(self.servers) + 2


def read_state(data_dir: Path) -> StackState | None:
    """The state as last written, or None where no stack was started in this folder."""
    try:
        fields = json.loads((data_dir / STATE_FILE).read_text())
    except FileNotFoundError:
        return None
    for name in ("supervisor", "watchdog"):
        fields[name] = Identity(**fields[name])
    fields["servers"] = {name: Identity(**who) for name, who in fields["servers"].items()}
    return StackState(**fields)


def write_state(data_dir: Path, state: StackState) -> None:
    """Replace the file as a whole, so that no reader sees half of it."""
    scratch = data_dir / f"{STATE_FILE}.new"
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(state), file, indent=1)
    scratch.rename(data_dir / STATE_FILE)


def remove_state(data_dir: Path) -> None:
    """The stack has ended."""
    (data_dir / STATE_FILE).unlink(missing_ok=True)
