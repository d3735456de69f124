"""A Prometheus on this machine beside what runs here: it scrapes, records and says what would wake
somebody.

Debian's package is enough, and nothing is downloaded. Knows files, ports and no metric.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from brewsaga import backing, targets
from brewsaga.errors import CommandError, Exit
from brewsaga.processes import Child, stop
from brewsaga.services_runner import SERVICES_FOLDER
from brewsaga.stack.config import data_folder
from brewsaga.stack.ports import LOOPBACK, free_ports, is_free

PROGRAM: Final = "prometheus"
INSTALL: Final = "apt-get install prometheus (or put Prometheus 2.42 or newer on PATH)"
RULES: Final = SERVICES_FOLDER.parent / "helm" / "brewsaga" / "files" / "alerts.yaml"
PREFERRED_PORT: Final = 9090
SCRAPE_SECONDS: Final = 5
READY_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.1
KEPT: Final = "2d"


@dataclass(frozen=True, slots=True)
class Watching:
    """What one Prometheus is told."""

    targets: Path
    """A pattern of files that say where metrics are."""
    rules: Path
    folder: Path
    """Its configuration, data and log."""
    scrape_seconds: int = SCRAPE_SECONDS


def configuration(watching: Watching) -> str:
    """Its configuration file."""
    return f"""\
global:
  scrape_interval: {watching.scrape_seconds}s
  evaluation_interval: {watching.scrape_seconds}s
rule_files: ["{watching.rules.resolve()}"]
scrape_configs:
  - job_name: brewsaga
    file_sd_configs:
      - files: ["{watching.targets.resolve()}"]
        refresh_interval: {watching.scrape_seconds}s
"""


@asynccontextmanager
async def prometheus(watching: Watching) -> AsyncIterator[str]:
    """One that runs and is ready; its address. Raises CommandError where there is none."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise CommandError(f"no {PROGRAM} on PATH", INSTALL, Exit.ERROR)
    watching.folder.mkdir(parents=True, exist_ok=True)
    settings = watching.folder / "prometheus.yml"
    settings.write_text(configuration(watching), encoding="utf-8")
    port = PREFERRED_PORT if is_free(PREFERRED_PORT) else free_ports(1)[0]
    command = [
        program,
        f"--config.file={settings}",
        f"--storage.tsdb.path={watching.folder / 'data'}",
        f"--storage.tsdb.retention.time={KEPT}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    environment = {"PATH": os.environ.get("PATH", os.defpath)}
    child = Child.start(PROGRAM, command, environment, watching.folder / "prometheus.log")
    url = f"http://{LOOPBACK}:{port}"
    try:
        await _ready(child, url)
        yield url
    finally:
        await stop([child])


async def _ready(child: Child, url: str) -> None:
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                if (await client.get(f"{url}/-/ready")).is_success:
                    return
            except httpx.TransportError:
                pass
            late = asyncio.get_running_loop().time() > deadline
            if late or child.ended() is not None:
                text = f"{PROGRAM} does not answer at {url}:\n{child.log_tail()}"
                raise CommandError(text, f"read {child.log}")
            await asyncio.sleep(POLL_SECONDS)


def observe() -> Exit:
    """A Prometheus over all that runs here, until Ctrl-C."""
    from brewsaga.machine import stopped_by_signals, tell

    folder = data_folder() / backing.OBSERVED_FOLDER
    watching = Watching(targets.pattern(data_folder()), RULES, folder)
    if not targets.known(data_folder()):
        tell("nothing that runs here is known yet; it is looked for every few seconds")
    with stopped_by_signals():
        try:
            asyncio.run(_observe_until_stopped(watching))
        except KeyboardInterrupt:
            tell("stopped")
    return Exit.COMPLETED


async def _observe_until_stopped(watching: Watching) -> None:
    async with prometheus(watching) as url:
        print(f"export PROMETHEUS_URL={url}", flush=True)
        await asyncio.Event().wait()
