"""`brewsaga intake`: close the door for new orders, wait until nothing is open behind it, open it.

What a choreography needs before its chain is changed. Knows the API alone.
"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from brewsaga.api_client import Json, OrderApi, order_api
from brewsaga.errors import CommandError, Exit
from brewsaga.person import name_of_user
from saga.contract import Mode

ASK_AGAIN_SECONDS: Final = 0.5


async def put(
    url: str, modes: Sequence[Mode], token_file: str, reason: str, *, paused: bool
) -> Exit:
    """Pause or resume, and print how each mode then stands."""
    async with order_api(url, token_file) as api:
        for mode in modes:
            wanted = {"paused": paused, "reason": reason, "by": name_of_user()}
            print(line(await api.put_intake(mode.value, wanted)))
    return Exit.COMPLETED


async def status(url: str, modes: Sequence[Mode]) -> Exit:
    """Print how each mode stands."""
    async with order_api(url) as api:
        for found in await _read(api, modes):
            print(line(found))
    return Exit.COMPLETED


async def drain(url: str, modes: Sequence[Mode], timeout_seconds: float) -> Exit:
    """Wait until these modes have no open order; how many there are is said as it changes.

    Exit codes: completed, or timed out, or a person is needed where all that is open is parked.
    """
    deadline = asyncio.get_running_loop().time() + timeout_seconds
    said = ""
    async with order_api(url) as api:
        while True:
            found = await _read(api, modes)
            check_paused(found)
            code = judge(found)
            if code is Exit.TIMED_OUT and asyncio.get_running_loop().time() < deadline:
                lines = "\n".join(line(one) for one in found)
                if lines != said:
                    print(lines, file=sys.stderr, flush=True)
                said = lines
                await asyncio.sleep(ASK_AGAIN_SECONDS)
                continue
            for one in found:
                print(line(one))
            return code


async def _read(api: OrderApi, modes: Sequence[Mode]) -> list[Json]:
    wanted = {mode.long for mode in modes}
    return [found for found in await api.intake() if found["mode"] in wanted]


def check_paused(found: Sequence[Json]) -> None:
    """Raise CommandError where one is open: what fills again cannot be drained."""
    for one in found:
        if not one["paused"]:
            message = f"intake of {one['mode']} is open, so it fills again as it is drained"
            raise CommandError(message, f"brewsaga intake pause --mode {one['mode']}")


def judge(found: Sequence[Json]) -> Exit:
    """What a drain comes to by what is open now."""
    left = sum(one["open"] for one in found)
    if left == 0:
        return Exit.COMPLETED
    parked = sum(one["parked"] for one in found)
    return Exit.NEEDS_A_PERSON if parked == left else Exit.TIMED_OUT


def line(found: Json) -> str:
    """`INTAKE mode=choreography paused open=7 payment=2 refund=5`."""
    state = "paused" if found["paused"] else "open"
    steps = "".join(f" {step}={number}" for step, number in sorted(found["open_by_step"].items()))
    parked = f" parked={found['parked']}" if found["parked"] else ""
    return f"INTAKE mode={found['mode']} {state} open={found['open']}{steps}{parked}"
