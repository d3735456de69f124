"""Orders without an end are said again from Postgres, for ever (rule 5): through stored outcomes
that alone heals a chain.

It must not know how often it is asked nor how fast it may speak: the kit's runner caps the rate.
"""

from order import counting, store_orders, wire
from order.ports import Limits
from sagakit.shell.ports import Connection, Handled


class OpenOrders:
    """`ports.Due`: order-requested of open choreographed orders, place-order of those the
    orchestrator does not know.

    The payload is the stored one, word for word; only the cancel mark is added once it was asked
    for.
    """

    name: str = "open-orders"

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def due(self, connection: Connection, limit: int) -> Handled:
        """Claim at most `limit` silent orders and say them."""
        found = await store_orders.claim_due(
            connection,
            self._limits.modes,
            limit,
            resay_after_seconds=self._limits.resay_after_seconds,
            resay_max_seconds=self._limits.resay_max_seconds,
        )
        return Handled(
            outgoing=[wire.say(saying) for saying, _ in found],
            observations=counting.said_again((saying.mode, step) for saying, step in found),
        )

    async def reset(self, connection: Connection) -> None:
        """Broker or database came back."""
        await store_orders.begin_anew(
            connection, self._limits.modes, self._limits.resay_after_seconds
        )
