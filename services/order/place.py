"""`python -m order place`: write orders, publish them, wait for Kafka's acknowledgement, print
them, and leave.

What is left over any running order service sweeps and says again, so leaving early loses nothing.
It consumes nothing and follows nothing. Data goes to stdout, all else to stderr.
"""

import argparse
import asyncio
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Final

from order.batches import CHUNK
from order.placing import Draft, IntakePaused, Placing, TooMuchInFlight, Unacceptable, terms_of
from order.ports import Limits, utc_now
from order.settings import OrderSettings
from order.store_orders import NewOrder
from saga import contract
from saga.contract import Mode
from sagakit.shell import logs
from sagakit.shell.run import ServiceSpec, open_runtime
from sagakit.shell.settings import Misconfigured, read

ACKNOWLEDGE_SECONDS: Final = 15.0
COUNT_MAX: Final = 10_000
REFUSED: Final = 1
USAGE: Final = 2


def main(
    arguments: Sequence[str],
    describe: Callable[[OrderSettings], ServiceSpec],
    limits_of: Callable[[OrderSettings], Limits],
) -> int:
    """Place what the arguments say. Returns the exit code: 0 placed, 1 refused, 2 usage."""
    options = _parser().parse_args(arguments)
    if not 1 <= options.count <= COUNT_MAX:
        sys.stderr.write(f"--count is {options.count}, must be 1..{COUNT_MAX}\n")
        return USAGE
    try:
        settings = read(OrderSettings)
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return USAGE
    # Whoever places wants to read what was placed: warnings only, and those on stderr.
    logs.configure("order", "text", "WARNING")
    draft = Draft(
        options.mode,
        options.customer,
        options.amount_cents,
        drink=options.drink,
        quantity=options.quantity,
        deadline_seconds=options.deadline_seconds,
        faults=options.faults,
    )
    try:
        return asyncio.run(_place(describe(settings), limits_of(settings), draft, options.count))
    except (Unacceptable, TooMuchInFlight, IntakePaused) as error:
        sys.stderr.write(f"not accepted: {error}\n")
        return REFUSED


async def _place(spec: ServiceSpec, limits: Limits, draft: Draft, count: int) -> int:
    # Priced and checked before anything is opened: a wrong word costs no connection.
    terms_of(draft, utc_now())
    async with open_runtime(spec) as runtime:
        placing = Placing(runtime, limits, clock=utc_now)
        if (room := await placing.room()) < count:
            raise TooMuchInFlight(limits.max_in_flight - room, limits.max_in_flight)
        placed: list[NewOrder] = []
        for start in range(0, count, CHUNK):
            now = utc_now()
            terms = terms_of(draft, now)
            orders = [
                NewOrder(str(uuid.uuid4()), draft.mode, terms, now, request_hash=None)
                for _ in range(min(CHUNK, count - start))
            ]
            await placing.write(orders)
            placed.extend(orders)
        if not await runtime.flush(ACKNOWLEDGE_SECONDS):
            sys.stderr.write(
                "Kafka has not acknowledged everything; the orders are stored, and a running order"
                " service says them again\n"
            )
        for order in placed:
            sys.stdout.write(placed_line(order, spec.settings.topic_prefix) + "\n")
    return 0


def placed_line(order: NewOrder, topic_prefix: str) -> str:
    """The one line an order, as it has always been printed; the amount in euros."""
    topic = contract.PLACE_ORDER if order.mode is Mode.ORCH else contract.ORDER_REQUESTED
    cents = order.terms.amount_cents or 0
    return (
        f"PLACED saga={order.saga_id} mode={order.mode.value} customer={order.terms.customer_id} "
        f"amount={cents // 100}.{cents % 100:02d} {order.terms.currency} "
        f"topic={topic_prefix}{topic.name}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m order place", description=__doc__)
    parser.add_argument("--mode", type=Mode.parse, default=Mode.CHOREO, help="choreo or orch")
    parser.add_argument("--count", type=int, default=1, help=f"orders, 1..{COUNT_MAX}")
    parser.add_argument("--customer", default="guest")
    parser.add_argument("--drink", default="", help="default: the house drink")
    parser.add_argument("--quantity", type=int, default=0, help="cups; 0 means 1")
    parser.add_argument("--amount-cents", type=int, help="default: by the price list")
    parser.add_argument("--deadline-seconds", type=float, help="default: the order waits for ever")
    parser.add_argument("--faults", default="", help="such as shipment=30;refund=50,delay:3s")
    return parser
