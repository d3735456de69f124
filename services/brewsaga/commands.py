"""The commands that place and look at orders: data on stdout, progress on stderr.

Knows the API and how to draw.
"""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress

from brewsaga import live, render
from brewsaga.api_client import ORCHESTRATOR, ORCHESTRATOR_URL, Json, OrderApi, order_api
from brewsaga.errors import CommandError, Exit
from brewsaga.following import FOLLOWED_MAX, follow
from brewsaga.waiting import exit_code, wait_for_ends
from saga import story
from saga.contract import DEFAULT_TOPIC_PREFIX, ORDER_REQUESTED, PLACE_ORDER, Mode
from saga.story import Moment

LIST_COLUMNS: Final = {
    "saga": "saga_id",
    "mode": "mode",
    "status": "status",
    "step": "current_step",
    "outcome": "outcome",
    "reason": "failure_reason",
    "created": "created_at",
}
"""What a list shows, and the field it is in."""
WIDE_COLUMNS: Final = {
    **LIST_COLUMNS,
    "updated": "updated_at",
    "owed by": "owed_by",
    "customer": "customer_id",
    "cents": "amount_cents",
    "said": "said",
}
STATE_COLUMNS: Final = (
    "saga_id",
    "current_step",
    "status",
    "failure_reason",
    "last_event",
    "updated_at",
)
"""The state's two halves stand side by side: DONE SUCCESS, DONE FAILED."""


@dataclass(frozen=True, slots=True)
class PlaceRequest:
    """What `brewsaga place` was asked for; `rate_per_second` 0 means as fast as it goes."""

    modes: tuple[Mode, ...]
    count: int
    rate_per_second: float
    order: dict[str, Any]
    wait: bool
    timeout_seconds: float
    watch: bool = False


def ascii_only() -> bool:
    """Whether the terminal's encoding lacks the drawn characters."""
    return "utf" not in (sys.stdout.encoding or "").lower()


def console() -> Console:
    """Where progress goes."""
    return Console(stderr=True)


async def place(url: str, request: PlaceRequest, token_file: str = "") -> Exit:
    """Place orders, print a line each, and follow or wait for their ends if asked."""
    wanted = request.count * len(request.modes)
    if request.watch and wanted > FOLLOWED_MAX:
        text = f"--watch follows at most {FOLLOWED_MAX} orders, and this would be {wanted}"
        raise CommandError(text, "brewsaga place --wait", Exit.USAGE)
    async with order_api(url, token_file) as api:
        placed: list[str] = []
        with _progress() as bar:
            task = bar.add_task("placing", total=wanted)
            for _ in range(request.count):
                for mode in request.modes:
                    placed.append(await _place_one(api, mode, request.order))
                    bar.advance(task)
                if request.rate_per_second:
                    await asyncio.sleep(1 / request.rate_per_second)
        if request.watch:
            known = await follow(api, placed, request.timeout_seconds, _tell_whose)
        elif request.wait:
            known = await _wait(api, placed, request.timeout_seconds)
        else:
            return Exit.COMPLETED
    for saga_id in placed:
        saga = known[saga_id]
        word = story.outcome_word(saga["status"], saga.get("outcome"))
        print(f"ENDED saga={saga_id} outcome={word} reason={saga.get('failure_reason') or '-'}")
    return exit_code(list(known.values()))


async def _wait(api: OrderApi, placed: list[str], timeout_seconds: float) -> dict[str, Json]:
    with _progress() as bar:
        task = bar.add_task("waiting for the ends", total=len(placed))
        return await wait_for_ends(
            api, placed, timeout_seconds, lambda done: bar.update(task, completed=done)
        )


def _progress() -> Progress:
    return Progress(console=console(), disable=not sys.stderr.isatty(), transient=True)


async def _place_one(api: OrderApi, mode: Mode, order: Json) -> str:
    said = ORDER_REQUESTED if mode is Mode.CHOREO else PLACE_ORDER
    topic = os.environ.get("TOPIC_PREFIX", DEFAULT_TOPIC_PREFIX) + said.name
    placed = await api.place({**order, "mode": mode.value}, str(uuid.uuid4()))
    answer = await api.saga(placed["saga_id"])
    amount = f"{answer['amount_cents'] / 100:.2f} {answer['currency']}"
    print(
        f"PLACED saga={answer['saga_id']} mode={mode.value} "
        f"customer={answer['customer_id']} amount={amount} topic={topic}"
    )
    saga_id: str = answer["saga_id"]
    return saga_id


async def list_sagas(
    url: str, output: str, limit: int, query: dict[str, str | None], *, again: bool = False
) -> Exit:
    """Print the sagas of a query, newest first; `again`: each second anew."""
    async with order_api(url) as api:

        async def ask() -> list[str]:
            return _listed(output, [saga async for saga in api.sagas(limit, **query)])

        await live.show(ask, again=again)
    return Exit.COMPLETED


def _listed(output: str, found: list[Json]) -> list[str]:
    if output == "json":
        return [json.dumps(found, indent=2)]
    if output == "name":
        return [saga["saga_id"] for saga in found]
    columns = LIST_COLUMNS if output == "table" else WIDE_COLUMNS
    return render.table(tuple(columns), [_list_row(saga, columns.values()) for saga in found])


def _list_row(saga: Json, names: Iterable[str]) -> tuple[object, ...]:
    return tuple(str(saga[name])[:19] if name.endswith("_at") else saga[name] for name in names)


async def show(url: str, saga_id: str, output: str) -> Exit:
    """Print one saga, field by field."""
    async with order_api(url) as api:
        saga = await api.saga(saga_id)
    if output == "json":
        print(json.dumps(saga, indent=2))
    else:
        width = max(len(name) for name in saga)
        print(
            "\n".join(
                f"{name:<{width}}  {render.cell(value)}".rstrip() for name, value in saga.items()
            )
        )
    return Exit.COMPLETED


async def timeline(url: str, saga_id: str, output: str) -> Exit:
    """Print what was heard of one saga, as a waterfall and as a table of events."""
    async with order_api(url) as api:
        answer = await api.timeline(saga_id)
    if output == "json":
        print(json.dumps(answer, indent=2))
    else:
        print("\n".join(timeline_text(answer)))
    return Exit.COMPLETED


def timeline_text(answer: Json) -> list[str]:
    """A timeline as people read it."""
    known = story.moments(answer)
    if not known:
        return [answer.get("note", "nothing was heard of it yet")]
    return [
        *render.waterfall(story.bars(known), ascii_only=ascii_only()),
        "",
        *render.events_table(known),
    ]


async def watch(url: str, saga_id: str, timeout_seconds: float) -> Exit:
    """Print each event of one saga as it is heard, until the saga has ended."""
    async with order_api(url) as api:
        known = await follow(api, [saga_id], timeout_seconds, _tell)
    saga = known[saga_id]
    print(f"{saga_id} {story.outcome_word(saga['status'], saga.get('outcome'))}")
    return exit_code([saga])


def _tell(_saga_id: str, moment: Moment) -> None:
    print(f"{moment.at:%H:%M:%S.%f}  {moment.event}  {moment.reason}".rstrip(), flush=True)


def _tell_whose(saga_id: str, moment: Moment) -> None:
    line = f"{moment.at:%H:%M:%S.%f}  {saga_id}  {moment.event}  {moment.reason}"
    print(line.rstrip(), flush=True)


async def list_states(url: str, limit: int) -> Exit:
    """Print the orchestrator's own list, which also has the sagas that order never saw."""
    async with order_api(url or ORCHESTRATOR_URL, server=ORCHESTRATOR) as api:
        found = [saga async for saga in api.sagas(limit)]
    rows = [
        (*(saga[name] for name in STATE_COLUMNS[:-1]), str(saga["updated_at"])[:19])
        for saga in found
    ]
    print("\n".join(render.table(STATE_COLUMNS, rows)))
    return Exit.COMPLETED
