"""Every command explains itself at once: what is quick on a desk is quick when one is woken."""

import json
import os
import resource
import subprocess
import sys

import pytest
import typer

from brewsaga.__main__ import app

CPU_SECONDS_MAX = 0.3
"""Of the processor and not of the clock: a machine may be busy with other things."""

HEAVY = ("asyncpg", "confluent_kafka", "fastapi", "httpx", "uvicorn", "google.protobuf", "order")
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
LISTED = f"""
import json, sys
from brewsaga.__main__ import app
try:
    app(sys.argv[1:])
finally:
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    print(json.dumps(loaded), file=sys.stderr)
"""


def helped(*command: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """What a command says of itself, and the processor's seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(
        [sys.executable, *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "100"},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return said, seconds


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_explains_itself_and_loads_nothing_for_it(command: str) -> None:
    said, _ = helped("-c", LISTED, command)
    assert command in said.stdout
    assert json.loads(said.stderr.splitlines()[-1]) == []


def test_help_is_quick() -> None:
    """All commands load the same for it, so one of them stands for all; the best of five."""
    seconds = min(helped("-m", "brewsaga", "place")[1] for _ in range(5))
    assert seconds < CPU_SECONDS_MAX
