"""Where the metrics of what runs on this machine are, in the form that Prometheus reads from files.

Whoever starts services writes a file, and removes it when they have ended. A file of a terminal
that was closed stays behind: its target is down, which is true. Knows ports and no metric.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from brewsaga.stack.ports import LOOPBACK

FOLDER: Final = "targets"
"""Inside the data folder of `make up`."""


@dataclass(frozen=True, slots=True)
class Target:
    """One process with metrics: its service's name and its address, HOST:PORT."""

    service: str
    address: str


def pattern(data_folder: Path) -> Path:
    """The files, as Prometheus is told of them."""
    return data_folder / FOLDER / "*.json"


def write(data_folder: Path, name: str, ports: Mapping[str, int]) -> Path:
    """Say where these services' metrics are. In one step: Prometheus may read at any time."""
    path = data_folder / FOLDER / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    groups = [
        {"targets": [f"{LOOPBACK}:{port}"], "labels": {"job": service}}
        for service, port in ports.items()
    ]
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(groups, indent=2) + "\n", encoding="utf-8")
    return scratch.replace(path)


@contextmanager
def told(data_folder: Path, name: str, ports: Mapping[str, int]) -> Iterator[None]:
    """Say it for as long as they run."""
    path = write(data_folder, name, ports)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def known(data_folder: Path) -> list[Target]:
    """Every target that was written, by file and service."""
    found: list[Target] = []
    for path in sorted(pattern(data_folder).parent.glob(pattern(data_folder).name)):
        for group in json.loads(path.read_text(encoding="utf-8")):
            found += [Target(group["labels"]["job"], one) for one in group["targets"]]
    return found
