"""Batches: n orders at a rate, placed by this service from the batch's own row.

A batch is a promise like an order: once its row is written, all its orders will be placed, after
any crash too. The mark of what is placed moves in the transaction that writes the orders, and an
order's id follows from the batch and its index, so none is placed twice. It must not know HTTP.
"""

import asyncio
import hashlib
import json
import logging
import math
import uuid
from dataclasses import asdict, dataclass
from typing import Any, Final

from order import store_batches
from order.placing import Contradicts, Draft, IntakePaused, Placing, Unacceptable, terms_of
from order.ports import Clock, Limits, Runtime
from order.store_batches import BatchRow
from order.store_orders import NewOrder
from saga.contract import Mode
from sagakit.shell.crash_points import Point, reached
from sagakit.shell.database import passes
from sagakit.shell.ports import Connection

ORDERS_MAX: Final = 10_000
"""Orders of one batch."""

RATE_PER_SECOND_MAX: Final = 10_000.0
RATE_PER_SECOND_MIN: Final = 0.001
CHUNK: Final = 500
"""Orders of one transaction."""

AT_ONCE_MAX: Final = 100
"""Batches that are paced in one round; the oldest go first."""

TICK_SECONDS: Final = 0.05
CATCH_UP_SECONDS: Final = 1.0
"""What was missed while no process ran is made up for at most this fast, not in one burst."""

LOOK_SECONDS: Final = 2.0
"""How often to look for batches that another process began and did not end."""

BATCH_ID_LENGTH_MAX: Final = 128

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BatchDraft:
    """What somebody wants: `orders` times the draft. No rate means as fast as it goes."""

    draft: Draft
    orders: int
    rate_per_second: float | None = None

    def request_hash(self) -> bytes:
        """What the batch's id is bound to."""
        text = json.dumps([self.orders, self.rate_per_second, self.draft.request_hash().hex()])
        return hashlib.sha256(text.encode()).digest()


class OvertakenError(Exception):
    """Another process placed this chunk, or the batch was cancelled: look again."""


def saga_id_of(batch_id: str, index: int) -> str:
    """The id of a batch's order: uuid5 of the batch's id (a UUID, or any name under the URL
    namespace) and index.
    """
    try:
        space = uuid.UUID(batch_id)
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{batch_id}/{index}"))
    return str(uuid.uuid5(space, str(index)))


def allowed(batch: BatchRow) -> int:
    """How many orders may be placed in this round: by rate and age, a chunk at most."""
    left = batch.orders - batch.placed
    if batch.rate_per_second is None:
        return min(left, CHUNK)
    due = math.floor(batch.age_seconds * batch.rate_per_second) + 1 - batch.placed
    # A tick's share, and what a second of catching up adds: after an outage the rate is doubled,
    # not forgotten.
    burst = math.ceil(batch.rate_per_second * TICK_SECONDS * (1.0 + 1.0 / CATCH_UP_SECONDS))
    return max(0, min(left, due, burst, CHUNK))


class Batches:
    """Takes batches, and places their orders in a background task."""

    def __init__(self, runtime: Runtime, placing: Placing, limits: Limits, clock: Clock) -> None:
        self._runtime = runtime
        self._placing = placing
        self._limits = limits
        self._clock = clock
        self._woken = asyncio.Event()

    async def put(self, batch_id: str, wanted: BatchDraft) -> bool:
        """Accept a batch; False where the same was accepted before. Raises Unacceptable or
        Contradicts.
        """
        _check(batch_id, wanted)
        terms_of(wanted.draft, self._clock())
        terms = {name: value for name, value in asdict(wanted.draft).items() if name != "saga_id"}
        async with self._runtime.pool.acquire() as connection:
            reached(Point.INTAKE_DECIDED, f"batch/{batch_id}")
            is_new = await store_batches.insert(
                connection,
                batch_id,
                wanted.request_hash(),
                wanted.draft.mode.value,
                wanted.orders,
                wanted.rate_per_second,
                terms,
            )
            reached(Point.INTAKE_COMMITTED, f"batch/{batch_id}")
            known = None if is_new else await store_batches.find(connection, batch_id)
        if known is not None and known.request_hash != wanted.request_hash():
            message = f"batch {batch_id} was put with another request; use a new id"
            raise Contradicts(message)
        self._woken.set()
        return is_new

    async def summary(self, batch_id: str) -> dict[str, Any] | None:
        """The batch and its counts, or None."""
        async with self._runtime.pool.acquire() as connection:
            batch = await store_batches.find(connection, batch_id)
            if batch is None:
                return None
            counted = await store_batches.counts(connection, batch_id)
        return {
            "batch_id": batch_id,
            "mode": Mode(batch.mode).long,
            "orders": batch.orders,
            "rate_per_second": batch.rate_per_second,
            "placed": batch.placed,
            "cancel_asked": batch.cancel_asked,
            "created_at": batch.created_at,
            "last_ended_at": counted.pop("last_ended_at"),
            "cancelled": counted.pop("cancelled"),
            "counts": counted,
        }

    async def cancel(self, batch_id: str) -> int | None:
        """Place no more and ask every open order to end; returns how many were asked now, None for
        no such batch.
        """
        asked = 0
        async with self._runtime.pool.acquire() as connection:
            reached(Point.INTAKE_DECIDED, f"cancel/{batch_id}")
            if not await store_batches.ask_cancel(connection, batch_id):
                return None
            reached(Point.INTAKE_COMMITTED, f"cancel/{batch_id}")
        for _ in range(math.ceil(ORDERS_MAX / CHUNK)):
            async with self._runtime.pool.acquire() as connection:
                ids = await store_batches.cancellable(connection, batch_id, CHUNK)
            if not ids:
                break
            asked += await self._placing.cancel(ids)
        return asked

    async def run(self) -> None:
        """Place what is due until cancelled. A database that is away is waited for."""
        while True:
            self._woken.clear()
            try:
                found, full = await self._round()
            except Exception as error:
                if not passes(error):
                    raise
                log.warning("batches wait for the database: %s", error)
                found, full = True, False
            if not found:
                await self._rest()
            elif not full:
                await asyncio.sleep(TICK_SECONDS)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _round(self) -> tuple[bool, bool]:
        """One chunk of each open batch: whether there is any, and whether one has no pace to wait
        for.
        """
        async with self._runtime.pool.acquire() as connection:
            open_batches = await store_batches.unplaced(connection, self._limits.modes, AT_ONCE_MAX)
        full, waiting = False, 0
        for batch in open_batches:
            number = min(allowed(batch), max(0, await self._placing.room()))
            if number == 0:
                continue
            try:
                await self._place(batch, number)
            except OvertakenError:
                continue
            except IntakePaused:
                waiting += 1  # it goes on where it was, once the door is open again
                continue
            except Unacceptable as error:
                log.warning("batch %s cannot be placed: %s", batch.batch_id, error.detail)
                continue
            full = full or batch.rate_per_second is None
        return len(open_batches) > waiting, full

    async def _place(self, batch: BatchRow, number: int) -> None:
        now = self._clock()
        draft = Draft(**{**batch.terms, "mode": Mode(batch.mode)})
        terms, request_hash = terms_of(draft, now), draft.request_hash()
        orders = [
            NewOrder(
                saga_id_of(batch.batch_id, index),
                draft.mode,
                terms,
                now,
                batch_id=batch.batch_id,
                request_hash=request_hash,
            )
            for index in range(batch.placed, batch.placed + number)
        ]

        async def advance(connection: Connection) -> None:
            after = batch.placed + number
            if not await store_batches.advance(connection, batch.batch_id, batch.placed, after):
                raise OvertakenError(batch.batch_id)

        await self._placing.write(orders, advance)


def _check(batch_id: str, wanted: BatchDraft) -> None:
    if not 1 <= len(batch_id) <= BATCH_ID_LENGTH_MAX or "\0" in batch_id:
        detail = f"uid has {len(batch_id)} characters, must have 1..{BATCH_ID_LENGTH_MAX}"
        raise Unacceptable("uid", detail)
    if not 1 <= wanted.orders <= ORDERS_MAX:
        detail = (
            f"orders is {wanted.orders}, must be 1..{ORDERS_MAX}; split it into several batches"
        )
        raise Unacceptable("orders", detail)
    rate = wanted.rate_per_second
    if rate is not None and not RATE_PER_SECOND_MIN <= rate <= RATE_PER_SECOND_MAX:
        detail = (
            f"rate_per_second is {rate:g}, must be {RATE_PER_SECOND_MIN:g}..{RATE_PER_SECOND_MAX:g}"
        )
        raise Unacceptable("rate_per_second", detail)
