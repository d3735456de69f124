"""Payment's SQL: its table's shape, and the ledger.

The only place of the service that knows a table's name.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from payment.domain import Cashier, Movement
from saga.columns import TERMS_COLUMNS, terms_values
from saga.terms import Terms
from sagakit.core.chance import Odds
from sagakit.core.participant import Heard, Row
from sagakit.shell.lines import insertion, write_lines
from sagakit.shell.ports import Connection, Write
from sagakit.shell.rows import Shape

SHAPE: Final = Shape("payments", "payment_id", TERMS_COLUMNS, terms_values, Terms)

_ENTRY: Final = (
    ("saga_id", "text"),
    ("kind", "text"),
    ("account", "text"),
    ("amount_cents", "bigint"),
    ("currency", "text"),
)
_INSERT_ENTRIES: Final = insertion("ledger", _ENTRY)


class PaymentStore:
    """Loads nothing and writes the ledger (`sagakit.shell.participant.Store`)."""

    def __init__(self, odds: Odds, new_reference: Callable[[], str]) -> None:
        self._odds = odds
        self._new_reference = new_reference

    async def load(
        self,
        connection: Connection,
        heard: Sequence[Heard[Terms]],
        rows: Mapping[str, Row[Terms]],
        now: datetime,
    ) -> Cashier:
        """The judgement of one batch."""
        return Cashier(now, self._odds, self._new_reference)

    def writes(self, effects: Sequence[Movement]) -> list[Write]:
        """Two entries a movement, ordered by saga; the key refuses a second charge of a saga."""
        lines = sorted(
            (movement.saga_id, movement.kind.value, account.value, cents, movement.currency)
            for movement in effects
            for account, cents in movement.entries()
        )
        return write_lines(_INSERT_ENTRIES, _ENTRY, lines)
