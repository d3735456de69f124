"""What makes a process pass its crash point: orders and other requests, asked until answered.

Whoever is asked may die of the question, so each is asked again until there is an answer: all of
them are such as may be asked twice. It must not know who dies where.
"""

import asyncio
import uuid
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

import httpx

from e2e.faults.cases import HELD, Trial
from e2e.records import BY_KEY
from e2e.world import World
from saga.contract import Mode
from sagakit.core.chance import unlucky

SEED: Final = "faults"
ASK_SECONDS: Final = 120.0
AGAIN_SECONDS: Final = 0.2
CUSTOMER: Final = "trial"
GARBAGE: Final = b"\xff\xfe no message"


async def asked(here: World, method: str, path: str, body: Any = None) -> httpx.Response:
    """Ask order's API until it answers; what it refuses is told (4xx)."""
    deadline = asyncio.get_running_loop().time() + ASK_SECONDS
    url = here.places["order"].url + path
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        while True:
            try:
                answer = await client.request(method, url, json=body)
            except httpx.TransportError as error:
                told = repr(error)
            else:
                if (
                    not answer.is_server_error
                    and answer.status_code != httpx.codes.TOO_MANY_REQUESTS
                ):
                    return answer
                told = answer.text
            assert asyncio.get_running_loop().time() < deadline, f"{method} {path}: {told}"
            await asyncio.sleep(AGAIN_SECONDS)


async def order(here: World, mode: Mode, saga_id: str, faults: str) -> None:
    """Place one; the same id and terms are the same order, however often they are sent."""
    body = {"mode": mode.value, "customer_id": CUSTOMER, "saga_id": saga_id, "faults": faults}
    answer = await asked(here, "POST", "/sagas", body)
    assert answer.is_success, answer.text


async def cancelled(here: World, mode: Mode, saga_id: str) -> None:
    """Place one that is held, and ask for its end."""
    await order(here, mode, saga_id, HELD)
    await asked(here, "POST", f"/sagas/{saga_id}/cancel")


def batch_of(saga_id: str) -> str:
    """The batch's id."""
    return f"batch-of-{saga_id}"


def first_of_batch(saga_id: str) -> str:
    """The contract's id of a batch's first order."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{batch_of(saga_id)}/0"))


async def batch(here: World, mode: Mode, saga_id: str, faults: str) -> None:
    """Put a batch of one."""
    body = {"mode": mode.value, "customer_id": CUSTOMER, "orders": 1, "faults": faults}
    answer = await asked(here, "PUT", f"/batches/{batch_of(saga_id)}", body)
    assert answer.is_success, answer.text


async def batch_cancelled(here: World, mode: Mode, saga_id: str, faults: str) -> None:
    """Put a batch of one that is held, and ask for its end."""
    await batch(here, mode, saga_id, faults)
    await asked(here, "POST", f"/batches/{batch_of(saga_id)}/cancel")


async def poison(here: World, trial: Trial, key: str) -> None:
    """A record that nobody can read, in the trial's topic."""
    assert trial.topic is not None
    await asyncio.to_thread(here.produce, [(trial.topic.name, BY_KEY, key.encode(), GARBAGE)])


def refused_first(undo: str, mode: Mode) -> Iterator[str]:
    """Saga ids whose undo at 50 % fails once before it is done: chance is a hash."""
    for number in count():
        saga_id = f"{undo}-{mode.value}-{number}"
        if [unlucky(SEED, saga_id, undo, 0.5, n) for n in range(2)] == [True, False]:
            yield saga_id
