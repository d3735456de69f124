"""Recorded sagas, heard again by today's code: what one run came to, it must come to for ever.

A recording is what the orchestrator heard of one saga, byte for byte and in order, and what its
tables and topics then had. It must not know how a recording is made.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from orchestrator import wire
from orchestrator.domain import REFERENCE_NAMES, Effect, Policy, Saga, decide
from sagakit.core.deadletters import Poison
from sagakit.core.steps import Definition, Step

FOLDER: Final = Path(__file__).parent
RELEASED: Final = FOLDER / "released.json"
"""The digest of each released definition, by version."""

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
REMEMBERED: Final = ("version", "source", "target", "event", "reason", "flow_version")
STANDING: Final = (
    "current_step",
    "status",
    "last_event",
    *REFERENCE_NAMES.values(),
    "failure_reason",
    "cancel_asked",
    "attempts",
    "parked",
    "version",
    "flow_version",
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recording:
    """One saga of a real run. Messages are (topic without prefix, bytes in hexadecimal)."""

    story: str
    saga_id: str
    flow_version: int
    park_after_attempts: int
    heard: list[list[str]]
    commands: list[list[str]]
    """What was said because something was heard; what the timer said again is left out."""
    dead: int
    """How many of the messages were put aside."""
    history: list[Row]
    state: Row

    def write(self, folder: Path) -> None:
        text = json.dumps(asdict(self), indent=1)
        (folder / f"{self.story.replace(' ', '-')}.json").write_text(text + "\n")


def recordings(version: int) -> list[Recording]:
    """Every recording of a version, by name."""
    paths = sorted((FOLDER / f"v{version}").glob("*.json"))
    return [Recording(**json.loads(path.read_text())) for path in paths]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What today's code makes of what was heard."""

    history: list[Row]
    state: Row
    commands: list[list[str]]
    effects: list[Effect]
    dead: int


def replay(recording: Recording) -> Replayed:
    """Hear it all again, in the same order."""
    policy = Policy(5.0, recording.park_after_attempts, recording.flow_version)
    saga: Saga | None = None
    history, commands, effects, dead = [], [], [], 0
    for number, (topic, value) in enumerate(recording.heard):
        try:
            heard = wire.read(topic, bytes.fromhex(value))
            decision = decide(saga, heard, BEGIN + timedelta(seconds=number), policy)
        except Poison:
            dead += 1
            continue
        saga = decision.saga
        effects.append(decision.effect)
        if decision.entry is not None:
            history.append({name: getattr(decision.entry, name) for name in REMEMBERED})
        if decision.say is not None and saga is not None:
            said = wire.write_command(saga, decision.say, None)
            commands.append([said.topic, said.payload.hex()])
    assert saga is not None, f"{recording.story}: nothing began it"
    return Replayed(history, _standing(saga), commands, effects, dead)


def _standing(saga: Saga) -> Row:
    return {
        "current_step": saga.where.name,
        "status": saga.where.status.value,
        "last_event": saga.last_event,
        **{name: saga.references.get(step, "") for step, name in REFERENCE_NAMES.items()},
        "failure_reason": saga.failure_reason,
        "cancel_asked": saga.cancel_asked,
        "attempts": saga.attempts,
        "parked": saga.parked_at is not None,
        "version": saga.version,
        "flow_version": saga.flow_version,
    }


def digest(steps: tuple[Step, ...], flow: Definition) -> str:
    """What a definition says and what it compiles to: another one has another digest."""
    text = "\n".join(_lines(steps, flow))
    return hashlib.sha256(text.encode()).hexdigest()


def _lines(steps: tuple[Step, ...], flow: Definition) -> Iterator[str]:
    for step in steps:
        yield f"step {step.name} {step.action} {step.compensation}"
    yield f"first {flow.first}"
    for name, state in sorted(flow.states.items()):
        yield f"state {name} {state.name} {state.status.value} {state.awaits}"
    for (source, answer, cancel), target in sorted(flow.table.items(), key=str):
        yield f"move {source} {answer.value} {cancel} {target}"


def released() -> Mapping[int, str]:
    """The committed digests."""
    return {int(version): found for version, found in json.loads(RELEASED.read_text()).items()}
