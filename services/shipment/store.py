"""Shipment's SQL: its table's shape, the couriers and who was sent.

The only place of the service that knows a table's name.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from saga.columns import TERMS_COLUMNS, terms_values
from saga.terms import Terms
from sagakit.core.chance import Odds
from sagakit.core.participant import Ask, Heard, Row
from sagakit.shell.lines import insertion, write_lines
from sagakit.shell.ports import Connection, Write
from sagakit.shell.rows import Shape
from shipment.domain import Assignment, Dispatcher

SHAPE: Final = Shape("shipments", "shipment_id", TERMS_COLUMNS, terms_values, Terms)

_ON_DUTY: Final = "SELECT courier_id FROM couriers WHERE on_duty ORDER BY courier_id"
_ASSIGNMENT: Final = (("saga_id", "text"), ("courier_id", "text"))
_ASSIGN: Final = insertion("assignments", _ASSIGNMENT)


class ShipmentStore:
    """Loads the couriers on duty, and notes who was sent (`sagakit.shell.participant.Store`)."""

    def __init__(self, odds: Odds, new_reference: Callable[[], str]) -> None:
        self._odds = odds
        self._new_reference = new_reference

    async def load(
        self,
        connection: Connection,
        heard: Sequence[Heard[Terms]],
        rows: Mapping[str, Row[Terms]],
        now: datetime,
    ) -> Dispatcher:
        """The judgement of one batch; a batch of duplicates asks for no courier."""
        couriers: list[str] = []
        if any(message.ask is Ask.DO and message.saga_id not in rows for message in heard):
            couriers = [courier_id for (courier_id,) in await connection.fetch(_ON_DUTY)]
        return Dispatcher(now, self._odds, self._new_reference, couriers)

    def writes(self, effects: Sequence[Assignment]) -> list[Write]:
        """One row a saga, ordered by saga; the key refuses a second courier for a saga."""
        lines = sorted((effect.saga_id, effect.courier_id) for effect in effects)
        return write_lines(_ASSIGN, _ASSIGNMENT, lines)
