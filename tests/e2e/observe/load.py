"""Orders of both modes at a rate, for as long as something else is looked at."""

import asyncio
import math
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from e2e.world import World, until
from saga.contract import Mode

FAULTS: Final = "payment=2;inventory=2;shipment=3"
"""Refusals as a shop has them."""
BATCH_SECONDS: Final = 30.0
"""How long one batch lasts; another follows."""


@asynccontextmanager
async def under_load(here: World, rate_per_second: float) -> AsyncIterator[None]:
    """So many orders a second in each mode until the end of the block; then all of them end."""
    url = here.places["order"].url
    names: list[str] = []
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client:
        placing = asyncio.create_task(_place(client, rate_per_second, names))
        try:
            yield
        finally:
            placing.cancel()
            await asyncio.wait([placing])
            for name in names[-len(Mode) :]:
                (await client.post(f"/batches/{name}/cancel")).raise_for_status()
        assert placing.cancelled(), placing.exception()

    async def all_ended() -> bool:
        return not (await here.open_steps()).total()

    await until("every order of the load has ended", all_ended)


async def _place(client: httpx.AsyncClient, rate_per_second: float, names: list[str]) -> None:
    orders = math.ceil(rate_per_second * BATCH_SECONDS)
    while True:
        for mode in Mode:
            name = uuid.uuid4().hex
            body = {"mode": mode.value, "orders": orders, "faults": FAULTS}
            body |= {"rate_per_second": rate_per_second}
            (await client.put(f"/batches/{name}", json=body)).raise_for_status()
            names.append(name)
        await asyncio.sleep(BATCH_SECONDS)
