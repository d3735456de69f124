"""Placing orders: one transaction writes the row and what is said of it, so an order is accepted
wholly or not at all.

An order that was accepted will end, whatever breaks; so what cannot be carried is refused here, by
name and bound, and so are new ones while too many are open. It must not know HTTP: the API turns
these errors into answers.
"""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from order import store_intake, store_orders, wire
from order.domain import CURRENCY, PRICE_CENTS, price_cents
from order.ports import Clock, Limits, Runtime
from order.store_intake import Pause
from order.store_orders import NewOrder
from saga.contract import SAGA_ID_PATTERN, Mode
from saga.terms import Terms, out_of_bounds
from sagakit.shell.ports import Connection

Also = Callable[[Connection], Awaitable[None]]
"""What is written in the same transaction as new orders."""

COUNT_CACHED_SECONDS: Final = 0.2
"""How long the number of open orders is taken as known."""

DEADLINE_SECONDS_MAX: Final = 30 * 86_400
KEY_LENGTH_MAX: Final = 256
RETRY_AFTER_SECONDS: Final = 1
PAUSED_RETRY_AFTER_SECONDS: Final = 10


class Unacceptable(Exception):  # noqa: N818 - named for what the caller does: correct the request
    """A request outside its bounds. `field` is the request's field, the text names bound and next
    step.
    """

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.detail = detail


class Contradicts(Exception):  # noqa: N818 - named for what the caller did
    """The key or the saga id belongs to another request already."""


class TooMuchInFlight(Exception):  # noqa: N818 - named for what the caller waits for
    """As many orders are open as may be."""

    def __init__(self, in_flight: int, bound: int) -> None:
        super().__init__(
            f"{in_flight} orders are open, MAX_IN_FLIGHT is {bound}; "
            f"try again in {RETRY_AFTER_SECONDS} s"
        )


class IntakePaused(Exception):  # noqa: N818 - named for what the caller waits for
    """No new orders of this mode are taken, for a while."""

    def __init__(self, pause: Pause) -> None:
        since = f"{pause.paused_at:%Y-%m-%d %H:%M:%S} UTC"
        why, who = pause.reason or "no reason given", pause.paused_by or "nobody named"
        super().__init__(
            f"no new orders of {pause.mode.long} are taken since {since} ({why}; by {who}); "
            f"try again later, or brewsaga intake resume --mode {pause.mode.value}"
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants. `amount_cents` None: by the price list. `deadline_seconds` counts from
    placing.
    """

    mode: Mode
    customer_id: str
    amount_cents: int | None = None
    currency: str = CURRENCY
    drink: str = ""
    quantity: int = 0
    deadline_seconds: float | None = None
    faults: str = ""
    saga_id: str | None = None

    def request_hash(self) -> bytes:
        """The same request has the same hash, whoever asks: what a key is bound to."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to a request: the saga's id, and whether it is new or was placed by the same
    request before.
    """

    saga_id: str
    is_new: bool


def terms_of(draft: Draft, now: datetime) -> Terms:
    """The order's terms, priced. Raises Unacceptable."""
    if not draft.quantity >= 0:
        raise Unacceptable(
            "quantity", f"quantity is {draft.quantity}, must be 0 or more (0 means 1)"
        )
    amount_cents = draft.amount_cents
    if amount_cents is None:
        amount_cents = price_cents(draft.drink, draft.quantity)
    if amount_cents is None:
        drinks = ", ".join(sorted(PRICE_CENTS))
        detail = (
            f"drink is {draft.drink!r}, which has no price; "
            f"take one of {drinks}, or give amount_cents"
        )
        raise Unacceptable("drink", detail)
    seconds = draft.deadline_seconds
    if seconds is not None and not 0 < seconds <= DEADLINE_SECONDS_MAX:
        detail = (
            f"deadline_seconds is {seconds:g}, must be above 0 and at most {DEADLINE_SECONDS_MAX}"
        )
        raise Unacceptable("deadline_seconds", detail)
    deadline = None if seconds is None else now + timedelta(seconds=seconds)
    terms = Terms(
        draft.customer_id,
        amount_cents,
        draft.currency,
        draft.drink,
        draft.quantity,
        deadline,
        draft.faults,
    )
    _check(draft, terms)
    return terms


def _check(draft: Draft, terms: Terms) -> None:
    for field in ("customer_id", "currency", "drink", "faults"):
        if "\0" in getattr(terms, field):
            raise Unacceptable(field, f"{field} holds a NUL character; leave it out")
    cause = out_of_bounds(terms)
    if cause is not None:
        raise Unacceptable(cause.partition(" ")[0], f"{cause}; correct it and place again")
    if not terms.customer_id:
        raise Unacceptable("customer_id", "customer_id is empty, must have 1 to 256 characters")
    if draft.saga_id is not None and SAGA_ID_PATTERN.fullmatch(draft.saga_id) is None:
        detail = (
            f"saga_id is {draft.saga_id[:80]!r}, must match {SAGA_ID_PATTERN.pattern}; "
            "or leave it out"
        )
        raise Unacceptable("saga_id", detail)


class Placing:
    """The only door for new orders: the API, batches and the command line all pass here."""

    def __init__(
        self,
        runtime: Runtime,
        limits: Limits,
        *,
        clock: Clock,
        placed: Callable[[Sequence[NewOrder]], None] = lambda _orders: None,
    ) -> None:
        """`placed` is told of new orders after COMMIT (the follower asks for the orchestrated ones
        at once).
        """
        self._runtime = runtime
        self._limits = limits
        self._clock = clock
        self._placed = placed
        self._open = 0
        self._counted_at = float("-inf")

    async def room(self) -> int:
        """How many more orders may be opened now. The count is at most 200 ms old, plus what was
        placed here since.
        """
        now = asyncio.get_running_loop().time()
        if now - self._counted_at >= COUNT_CACHED_SECONDS:
            self._counted_at = now
            async with self._runtime.pool.acquire() as connection:
                self._open = await store_orders.count_open(connection)
        return self._limits.max_in_flight - self._open

    async def place(self, draft: Draft, idempotency_key: str | None = None) -> Placed:
        """Place one order. Raises Unacceptable, Contradicts, TooMuchInFlight or
        IntakePaused.

        The same request under the same key (or with the same saga id) is the same order.
        """
        if idempotency_key is not None and not 1 <= len(idempotency_key) <= KEY_LENGTH_MAX:
            length = len(idempotency_key)
            detail = f"Idempotency-Key has {length} characters, must have 1..{KEY_LENGTH_MAX}"
            raise Unacceptable("Idempotency-Key", detail)
        now = self._clock()
        order = NewOrder(
            draft.saga_id or str(uuid.uuid4()),
            draft.mode,
            terms_of(draft, now),
            now,
            idempotency_key=idempotency_key,
            request_hash=draft.request_hash(),
        )
        repeatable = draft.saga_id is not None or idempotency_key is not None
        if repeatable and (known := await self._known(order)) is not None:
            return known
        if await self.room() <= 0:
            raise TooMuchInFlight(self._open, self._limits.max_in_flight)
        if await self.write([order]):
            return Placed(order.saga_id, is_new=True)
        known = await self._known(order)
        if known is None:
            message = f"order {order.saga_id} was neither written nor found; place it again"
            raise RuntimeError(message)
        return known

    async def _known(self, order: NewOrder) -> Placed | None:
        async with self._runtime.pool.acquire() as connection:
            known = await store_orders.find_known(connection, order.saga_id, order.idempotency_key)
        if known is None:
            return None
        if known.request_hash == order.request_hash:
            return Placed(known.saga_id, is_new=False)
        message = (
            f"saga {known.saga_id} was placed by another request under this key or id; "
            "use a new Idempotency-Key, or leave saga_id out"
        )
        raise Contradicts(message)

    async def write(self, orders: Sequence[NewOrder], also: Also | None = None) -> int:
        """Write orders and what is said of them in one transaction; returns how many were new.

        `also` writes in the same transaction, first (a batch's progress): a crash leaves no order
        unsaid. Raises IntakePaused.
        """
        modes = {order.mode for order in orders}
        async with self._runtime.transaction("placing") as transaction:
            connection = transaction.connection
            if (pause := await store_intake.closed(connection, modes)) is not None:
                raise IntakePaused(pause)
            if also is not None:
                await also(connection)
            new_ids = await store_orders.insert(
                connection, orders, self._limits.resay_after_seconds
            )
            new = [order for order in orders if order.saga_id in new_ids]
            transaction.say([wire.say(order.saying) for order in new])
        self._open += len(new)
        self._placed(new)
        return len(new)

    async def cancel(self, saga_ids: Sequence[str]) -> int:
        """Ask for the end of open orders: the mark is stored and said, until it is known to have
        been heard.
        """
        async with self._runtime.transaction("cancelling") as transaction:
            sayings = await store_orders.ask_cancel(
                transaction.connection, saga_ids, self._limits.resay_after_seconds
            )
            transaction.say([wire.say(saying) for saying in sayings])
        return len(sayings)
