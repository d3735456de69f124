"""Every command of the README is typed, and what it promises is seen, on a real Kafka and Postgres.

Ports and data folder are the test's own; so `make up` of a person may run beside it.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
import pytest

from brewsaga.stack.ports import free_ports
from e2e import readme
from e2e.readme import Closed, Command, Seen, Typed
from e2e.terminal import Terminal
from saga.contract import DATABASES

ROOT: Final = Path(__file__).resolve().parents[2]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_SECONDS: Final = 120.0

NOT_TYPED: Final = {"make test": "it would run this test"}
"""Commands that are only seen to exist, and why."""

SERVICE: Final = re.compile(r"(?:^|\s)make (run-(?!place-order)[a-z-]+|chaos-fail-shipment)$")
RUNS_ON: Final = re.compile(r"(?:^|/)(brewsaga up)$")
READY: Final = re.compile(r"assigned \d+ partitions")
MAKE_ECHO: Final = re.compile(r"(?:\w+=\S+ )*\.venv/bin/python -m ")
ANY_ID: Final = re.compile(r"saga=([0-9a-f-]{36})")
OF_ANOTHER_RUN: Final = re.compile(
    r"(?:MAKE|MFLAGS|KAFKA_|BREWSAGA_(?!CACHE)|PYTEST_|TOPIC_PREFIX$|MODE$|COUNT$|LOG_"
    r"|(?:\w+_)?FAIL_RATE$|[A-Z]+_URL$|(?:HTTP|METRICS)_PORT$)"
)


@dataclass(slots=True)
class Reader:
    """Someone who follows the page from the top: several terminals, and one to type in."""

    data: Path
    environment: Mapping[str, str]
    terminals: dict[str, Terminal] = field(default_factory=dict)
    printed: dict[str, list[str]] = field(default_factory=dict)
    last_id: str = ""

    def type(self, typed: Typed) -> None:
        self.printed = {"": []}
        started = [started for step in typed.steps if (started := self._step(step))]
        for terminal in started:
            terminal.wait_for("that it hears Kafka", _is_ready)

    def _step(self, step: Command | Closed) -> Terminal | None:
        """Do one thing; a service that was started is waited for when all of its block are."""
        if isinstance(step, Closed):
            for name in [step.name] if step.name else list(self.terminals):
                self.terminals.pop(name).ctrl_c()
            return None
        service = SERVICE.search(step.text) or RUNS_ON.search(step.text)
        if service is None:
            self._run(step)
            return None
        assert service[1] not in self.terminals, f"{service[1]} runs; its terminal is not closed"
        terminal = Terminal(step.text, ROOT, self.environment)
        self.terminals[service[1]] = terminal
        return terminal if SERVICE.search(step.text) else None

    def _run(self, command: Command) -> None:
        """Run a command to its end; its output is for the promise that follows."""
        if command.text in NOT_TYPED:
            return
        text = re.sub(r"\bID\b", self.last_id, command.text)
        ended = subprocess.run(
            ["bash", "-c", text],
            cwd=ROOT,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=COMMAND_SECONDS,
            check=False,
        )
        said = f"{text}\n{ended.stdout}\n{ended.stderr}"
        assert ended.returncode == command.exit_code, f"ended with {ended.returncode}: {said}"
        assert "Traceback" not in ended.stderr, said
        lines = [line for line in ended.stdout.splitlines() if not MAKE_ECHO.match(line)]
        self.printed[""] += lines
        self.printed[command.text.removeprefix("make ")] = lines
        if ids := ANY_ID.findall(ended.stdout):
            self.last_id = ids[-1]

    def compare(self, seen: Seen) -> None:
        if seen.name in self.printed:
            printed = self.printed[seen.name]
            shown = "\n".join(printed)
            promised = "\n".join(seen.lines)
            assert readme.is_whole(seen.lines, printed), f"promised:\n{promised}\nseen:\n{shown}"
            return
        terminal = self.terminals[seen.name]
        terminal.read += terminal.wait_for(
            "\n".join(seen.lines), lambda lines: readme.seen_until(seen.lines, lines)
        )

    def processes(self) -> list[str]:
        """What runs with this reader's data folder, whoever started it."""
        found = []
        for process in psutil.process_iter(["pid", "cmdline", "environ"]):
            told = process.info["environ"] or {}
            command = " ".join(process.info["cmdline"] or ())
            if str(self.data) in command or told.get("BREWSAGA_DATA") == str(self.data):
                found.append(f"{process.info['pid']} {command}")
        return found


def _is_ready(lines: list[str]) -> bool | None:
    return any(READY.search(line) for line in lines) or None


@pytest.fixture
def reader() -> Iterator[Reader]:
    """A reader with a folder and ports of their own, in which `make up` runs already."""
    data = Path(tempfile.mkdtemp(prefix="brewsaga-readme-")).resolve()
    data.chmod(0o711)  # to be passed through by an unprivileged Postgres
    kafka, postgres, *apis = free_ports(2 + len(DATABASES))
    kept = {name: of for name, of in os.environ.items() if not OF_ANOTHER_RUN.match(name)}
    own = {
        "BREWSAGA_DATA": str(data),
        "BREWSAGA_KAFKA": "real",
        "BREWSAGA_KAFKA_PORT": str(kafka),
        "BREWSAGA_POSTGRES_PORT": str(postgres),
        **{
            f"{service.upper()}_URL": f"http://127.0.0.1:{port}"
            for service, port in zip(DATABASES, apis, strict=True)
        },
        "PYTHONUTF8": "1",
    }
    someone = Reader(data, {**kept, **own})
    try:
        yield someone
    finally:
        for terminal in someone.terminals.values():
            terminal.kill()
        someone.type(Typed([Command("make wipe")]))


def test_the_page_is_true_from_top_to_bottom(reader: Reader) -> None:
    # The first block is the demonstration, and it is promised to work beside a stack that runs.
    reader.type(Typed([Command("make up")]))
    beside = set(reader.processes())
    compared = 0
    for block in readme.blocks(README):
        if isinstance(block, Seen):
            reader.compare(block)
            compared += 1
            continue
        reader.type(block)
        if Command("make demo") in block.steps:
            assert not list(reader.data.glob("demo-*"))
            assert set(reader.processes()) == beside
    assert not reader.terminals
    assert not reader.processes()
    assert compared >= 12


TARGET = re.compile(r"\bmake ([a-z0-9]+(?:-[a-z0-9]+)*)")


@pytest.mark.parametrize("name", sorted(set(TARGET.findall(README))))
def test_every_target_that_is_named_exists(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{name}:.* ## ", makefile, re.MULTILINE), f"make {name} has no help"


PLACED = "PLACED saga=fee8bdd7-… amount=3.00 EUR topic=saga-orch.place-order"
PLACED_NOW = (
    "PLACED saga=11111111-2222-4333-8444-555555555555 amount=3.00 EUR topic=saga-orch.place-order"
)
ROW = "payment    ✔ ok         +0.00s    0.39s   ██"
ROW_NOW = "payment    ✔ ok         +0.01s    4.02s   ████████████"


@pytest.mark.parametrize(
    ("promised", "printed", "kept"),
    [
        ([PLACED], [PLACED_NOW], True),
        ([PLACED], [PLACED_NOW.replace("3.00", "4.20")], False),
        ([PLACED], [PLACED_NOW, PLACED_NOW], False),
        ([PLACED], [], False),
        ([ROW], [ROW_NOW], True),
        ([ROW], [ROW_NOW.replace("✔ ok", "✖ refused")], False),
        (["…", ROW], ["STEP STATE", "", ROW_NOW], True),
        ([ROW, "…"], ["STEP STATE", ROW_NOW], False),
        (["ok   9  ledger: 294 entries"], ["ok   9  ledger: 12 entries"], True),
        (["ok   9  ledger: 294 entries"], ["x    9  ledger: 12 entries"], False),
        (["audit: 0 violations (…)"], ["audit: 0 violations (120 sagas, quiet)"], True),
        (["audit: 0 violations (…)"], ["audit: 1 violations (120 sagas, quiet)"], False),
    ],
)
def test_a_promise_is_compared_but_for_what_differs_from_run_to_run(
    promised: list[str], printed: list[str], kept: bool
) -> None:
    assert readme.is_whole(promised, printed) is kept


def test_a_terminal_shows_what_is_promised_in_its_order_and_may_show_more() -> None:
    shown = ["a", "noise", "b", "c"]
    assert readme.seen_until(["a", "b"], shown) == 3
    assert readme.seen_until(["b", "a"], shown) is None
    assert readme.seen_until(["a", "d"], shown) is None


def test_a_block_is_read_with_its_exit_codes_and_its_closings() -> None:
    typed = "```sh\n# Ctrl-C in the terminal of make run-x\nmake y   # exit code 3\n```\n"
    seen = "```text z\nw\n```\n"
    steps = [Closed("run-x"), Command("make y", 3)]
    assert list(readme.blocks(typed + seen)) == [Typed(steps), Seen("z", ["w"])]
