"""The commands that show what is stuck and repair it: data on stdout, all else on stderr.

One service that does not answer keeps no other from being repaired; it is named, and the same
command does the rest once it is back. Knows the APIs and how to draw.
"""

import json
import sys
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from brewsaga import render
from brewsaga.api_client import Json
from brewsaga.errors import CommandError, Exit
from brewsaga.repair_client import (
    PAGE_CASES,
    PAGE_LETTERS,
    PARKING,
    SERVICES_BY_VERB,
    RepairApi,
    repair_apis,
)
from saga.contract import DATABASES
from sagakit.core.repair import Verb

CASES_PRINTED_MAX: Final = 20
CASE_COLUMNS: Final = ("subject", "service", "mode", "step", "before", "after", "note")
PARKED_COLUMNS: Final = (
    *("saga_id", "service", "mode", "step", "state", "attempts", "reason", "since"),
)
LETTER_COLUMNS: Final = (
    *("letter", "topic", "place", "reason", "saga_id", "redrives", "heard", "detail"),
)
TRAIL_COLUMNS: Final = (*("at", "service", "verb", "subject", "who", "why", "before", "after"),)


@dataclass(frozen=True, slots=True)
class Repair:
    """What was asked for; `filters` are as the API takes them, and only those that were given."""

    verb: Verb
    ids: tuple[str, ...]
    filters: dict[str, str]
    everything: bool
    dry_run: bool
    who: str
    why: str
    services: tuple[str, ...] = ()
    json: bool = False


@dataclass(slots=True)
class Done:
    """What came of it, over all services."""

    cases: list[Json] = field(default_factory=list)
    failed: list[CommandError] = field(default_factory=list)

    def add(self, service: str, cases: Sequence[Json]) -> None:
        """What a service leaves alone is told only where no other has changed it."""
        changed = {one["subject"] for one in [*self.cases, *cases] if one["after"] is not None}
        found = [*self.cases, *({"service": service, **one} for one in cases)]
        self.cases = [
            one for one in found if one["after"] is not None or one["subject"] not in changed
        ]


async def repair(asked: Repair, token_file: str) -> Exit:
    """Carry out one verb where it belongs; print what changed, or by a dry run would."""
    services = _services(asked)
    repair_id, done = str(uuid.uuid4()), Done()
    async with repair_apis(services, asked.verb.value, token_file) as apis:
        for api in apis:
            try:
                for body in _bodies(_left(asked, done), api.service, repair_id):
                    async for page in api.repairs(body):
                        done.add(api.service, page["cases"])
                        _progress(asked, api, len(done.cases))
            except CommandError as error:
                done.failed.append(error)
    _print(asked, repair_id, done)
    return _exit(asked, done)


def _left(asked: Repair, done: Done) -> Repair:
    """A saga is cancelled where it was placed; others are asked for what order did not know."""
    if asked.verb is not Verb.CANCEL or not asked.ids:
        return asked
    known = {one["subject"] for one in done.cases}
    return replace(asked, ids=tuple(one for one in asked.ids if one not in known))


def _services(asked: Repair) -> Sequence[str]:
    able = SERVICES_BY_VERB[asked.verb]
    if asked.verb is Verb.REDRIVE and asked.ids:
        return tuple(dict.fromkeys(owner for owner, _ in map(_letter, asked.ids)))
    for service in asked.services:
        if service not in able:
            text = f"{service} has no {asked.verb.value}; it is of {', '.join(able)}"
            raise CommandError(text, f"brewsaga {asked.verb.value} --help", Exit.USAGE)
    if asked.services:
        return asked.services
    # By a filter order alone is asked to cancel: what it does not know is named by its id.
    return able[:1] if asked.verb is Verb.CANCEL and not asked.ids else able


def _bodies(asked: Repair, service: str, repair_id: str) -> list[Json]:
    body: Json = {
        "verb": asked.verb.value,
        "dry_run": asked.dry_run,
        "who": asked.who,
        "why": asked.why,
        "repair_id": repair_id,
        "limit": PAGE_LETTERS if asked.verb is Verb.REDRIVE else PAGE_CASES,
    }
    if not asked.ids and (asked.filters or asked.everything):
        return [{**body, **asked.filters, "everything": asked.everything}]
    ids = _own_ids(asked, service)
    size = body["limit"]
    return [{**body, "ids": ids[at : at + size]} for at in range(0, len(ids), size)]


def _own_ids(asked: Repair, service: str) -> list[str]:
    """A dead letter is called SERVICE:NUMBER, as they are listed; a saga may be anyone's."""
    if asked.verb is not Verb.REDRIVE:
        return list(asked.ids)
    return [number for owner, number in map(_letter, asked.ids) if owner == service]


def _letter(text: str) -> tuple[str, str]:
    owner, _, number = text.partition(":")
    if owner not in DATABASES or not number.isdecimal():
        message = f"{text!r} is no dead letter; they are called like payment:17"
        raise CommandError(message, "brewsaga dead-letters", Exit.USAGE)
    return owner, number


def _progress(asked: Repair, api: RepairApi, count: int) -> None:
    if sys.stderr.isatty():
        print(f"{asked.verb.value}: {api.service}, {count} looked at", file=sys.stderr)


def _print(asked: Repair, repair_id: str, done: Done) -> None:
    if asked.json:
        told = {"repair_id": repair_id, "dry_run": asked.dry_run, "cases": done.cases}
        print(json.dumps(told, indent=2))
    elif done.cases:
        print("\n".join(render.table(CASE_COLUMNS, [_row(one) for one in _shown(done)])))
        hidden = len(done.cases) - CASES_PRINTED_MAX
        if hidden > 0:
            print(f"… and {hidden} more (-o json prints them all)")
        print("\n".join(_sums(asked, done)))
    else:
        print(f"nothing to {asked.verb.value}")
    for error in done.failed:
        print(f"error: {error}\nnext: {error.next_step}", file=sys.stderr)
    # Also where an answer was lost: the trail says whether it was done all the same.
    if not asked.json and not asked.dry_run and (done.cases or done.failed):
        print(f"repair {repair_id}; brewsaga repairs shows the trail")


def _shown(done: Done) -> list[Json]:
    return done.cases[:CASES_PRINTED_MAX]


def _row(case: Json) -> tuple[object, ...]:
    before, after = case["before"], case["after"]
    changed = {} if after is None else {n: v for n, v in after.items() if before.get(n) != v}
    told = {name: before[name] for name in changed if name in before} or before
    return (
        case["subject"],
        case["service"],
        case["mode"],
        case["step"],
        _pairs(told),
        _pairs(changed) or "-",
        case["note"],
    )


def _pairs(values: Json) -> str:
    return " ".join(f"{name}={render.cell(value)}" for name, value in values.items())


def _sums(asked: Repair, done: Done) -> list[str]:
    word = "would be changed" if asked.dry_run else "changed"
    sums: Counter[tuple[str, str, str]] = Counter()
    for case in done.cases:
        note = f": {case['note']}" if case["note"] else ""
        what = f"{word if case['after'] is not None else 'left alone'}{note}"
        sums[case["service"], case["mode"], what] += 1
    return [
        f"{asked.verb.value} {service} {mode}: {count} {what}"
        for (service, mode, what), count in sorted(sums.items())
    ]


def _exit(asked: Repair, done: Done) -> Exit:
    if done.failed:
        return Exit.ERROR
    if asked.ids and not done.cases:
        return Exit.NOT_FOUND
    return Exit.COMPLETED


# ---------------------------------------------------------------- what is stuck, what was done


async def parked(state: str, saga_id: str, limit: int, output: str) -> Exit:
    """List undos that wait, of every service that has any."""
    rows: list[Json] = []
    async with repair_apis(PARKING, "parked") as apis:
        for api in apis:
            query = {"state": state, "saga_id": saga_id}
            found = await api.listed("/parked", "parked", limit, **query)
            rows += [{"service": api.service, **one} for one in found]
    if output == "json":
        print(json.dumps(rows, indent=2))
    else:
        lines = [[_short(one, name) for name in PARKED_COLUMNS] for one in rows]
        print("\n".join(render.table(PARKED_COLUMNS, lines)))
    return Exit.NEEDS_A_PERSON if any(one["state"] == "parked" for one in rows) else Exit.COMPLETED


async def dead_letters(topic: str, reason: str, limit: int, output: str) -> Exit:
    """List messages that were put aside and are not handled yet."""
    rows: list[Json] = []
    async with repair_apis(tuple(DATABASES), "dead-letters") as apis:
        for api in apis:
            query = {"topic": topic, "reason": reason}
            found = await api.listed("/dead-letters", "dead_letters", limit, **query)
            rows += [{"letter": f"{api.service}:{one['id']}", **one} for one in found]
    if output == "json":
        print(json.dumps(rows, indent=2))
    else:
        told = [
            {**one, "place": f"{one['partition']}@{one['offset']}", "heard": one["heard_at"][:19]}
            for one in rows
        ]
        lines = [[_short(one, name) for name in LETTER_COLUMNS] for one in told]
        print("\n".join(render.table(LETTER_COLUMNS, lines)))
    return Exit.NEEDS_A_PERSON if rows else Exit.COMPLETED


async def trail(saga_id: str, repair_id: str, limit: int, output: str) -> Exit:
    """List what people did, the latest first, over all services."""
    rows: list[Json] = []
    async with repair_apis(tuple(DATABASES), "repairs") as apis:
        for api in apis:
            query = {"saga_id": saga_id, "repair_id": repair_id}
            found = await api.listed("/repairs", "repairs", limit, "before", **query)
            rows += [{"service": api.service, **one} for one in found]
    rows = sorted(rows, key=lambda one: str(one["created_at"]), reverse=True)[:limit]
    if output == "json":
        print(json.dumps(rows, indent=2))
    else:
        print("\n".join(render.table(TRAIL_COLUMNS, [_trail_row(one) for one in rows])))
    return Exit.COMPLETED


def _trail_row(one: Json) -> tuple[object, ...]:
    shown = _row({**one, "step": "", "note": ""})
    at = str(one["created_at"])[:19]
    return (at, one["service"], one["verb"], one["subject"], one["who"], one["why"], *shown[4:6])


def _short(row: Json, name: str) -> Any:
    value = row[name]
    return str(value)[:19] if name in ("since", "heard") else value
