"""Wait until orders have ended, by asking for those that have not. Knows the API alone."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from brewsaga.api_client import Json, OrderApi
from brewsaga.errors import Exit

ASK_AGAIN_SECONDS: Final = 0.25
CALLS_AT_ONCE: Final = 8


async def wait_for_ends(
    api: OrderApi,
    saga_ids: Sequence[str],
    timeout_seconds: float,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Json]:
    """The last known state of each saga, once all have ended or are parked or the time is over."""
    known: dict[str, Json] = {}
    waiting = list(saga_ids)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    gate = asyncio.Semaphore(CALLS_AT_ONCE)

    async def ask(saga_id: str) -> None:
        async with gate:
            known[saga_id] = await api.saga(saga_id)

    while waiting:
        async with asyncio.TaskGroup() as group:
            for saga_id in waiting:
                group.create_task(ask(saga_id))
        waiting = [one for one in waiting if not is_settled(known[one])]
        progress(len(saga_ids) - len(waiting))
        if not waiting or loop.time() > deadline:
            break
        await asyncio.sleep(ASK_AGAIN_SECONDS)
    return known


def is_settled(saga: Json) -> bool:
    """Ended, or parked: nothing more happens by itself."""
    return saga["status"] != "RUNNING" or bool(saga.get("parked"))


def exit_code(sagas: Sequence[Json]) -> Exit:
    """What a command that waited exits with: the worst of all ends."""
    if any(saga["status"] == "RUNNING" and not saga.get("parked") for saga in sagas):
        return Exit.TIMED_OUT
    if any(saga.get("parked") and saga["status"] == "RUNNING" for saga in sagas):
        return Exit.NEEDS_A_PERSON
    if any(saga["status"] != "SUCCESS" for saga in sagas):
        return Exit.ENDED_OTHERWISE
    return Exit.COMPLETED
