"""sagaz: the saga is a class with its steps, run in this process, its status kept in Postgres.

The retries that a step can declare are not carried out by `run` (1.5.0), so steps and
compensations insist by themselves, as its users would have them do.
"""

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Any, Final

from sagaz import Saga, SagaConfig, action, compensate
from sagaz.core.storage.backends.postgresql.saga import PostgreSQLSagaStorage

from peers.adapters import participants
from peers.adapters.worker import WithoutMessages, serve
from peers.steps import Action, Claim

CLAIMS: Final = {
    "completed": Claim.COMPLETED,
    "rolled_back": Claim.UNDONE,
    "failed": Claim.BROKEN,
}
ATTEMPTS: Final = 10
Context = Mapping[str, Any]


class RefusedError(Exception):
    """A definite no."""


async def insist(asked: Action, context: Context) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            if not await participants.call_async(asked, context["order"]):
                raise RefusedError(asked.value)
        except participants.UnansweredError:
            if attempt == ATTEMPTS:
                raise
            await asyncio.sleep(participants.RETRY_SECONDS)
        else:
            return


class OrderSaga(Saga):
    """The saga."""

    saga_name = "order"

    @action("charge")
    async def charge(self, context: Context) -> None:
        await insist(Action.CHARGE, context)

    @compensate("charge")
    async def refund(self, context: Context) -> None:
        await insist(Action.REFUND, context)

    @action("reserve", depends_on=["charge"])
    async def reserve(self, context: Context) -> None:
        await insist(Action.RESERVE, context)

    @compensate("reserve")
    async def release(self, context: Context) -> None:
        await insist(Action.RELEASE, context)

    @action("ship", depends_on=["reserve"])
    async def ship(self, context: Context) -> None:
        await insist(Action.SHIP, context)


class Sagaz(WithoutMessages):
    """The verbs, in sagaz's words."""

    async def open(self) -> None:
        logging.disable(logging.ERROR)
        self.storage = PostgreSQLSagaStorage(os.environ["PEERS_STORE_URL"])
        await self.storage.list_sagas(limit=1)
        self.config = SagaConfig(storage=self.storage, metrics=False, logging=False)
        self._running: set[asyncio.Task[None]] = set()

    async def start(self, saga: str) -> None:
        task = asyncio.create_task(self._undone_or_not(saga))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _undone_or_not(self, saga: str) -> None:
        try:
            await self.run(saga)
        except Exception:  # noqa: BLE001 - how a saga that was rolled back ends
            return

    async def run(self, saga: str) -> None:
        await OrderSaga(config=self.config).run({"order": saga}, saga_id=saga)

    async def claim(self, saga: str) -> Claim:
        stored = await self.storage.load_saga_state(saga)
        return CLAIMS.get(str(stored["status"]), Claim.OPEN) if stored else Claim.OPEN

    async def cancel(self, saga: str) -> None:
        raise NotImplementedError(f"sagaz cancels no saga, and so not {saga}")

    async def mend(self, saga: str) -> None:
        """Nothing takes up a stored saga."""


if __name__ == "__main__":
    serve(Sagaz())
