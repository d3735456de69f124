"""Looks at orders for whoever asks: the API's JSON and the page are the same answers, made here.

It changes nothing. It must not know HTTP beyond the status of what is not there, nor how an answer
is drawn.
"""

from dataclasses import dataclass
from typing import Any, Final

from starlette.exceptions import HTTPException

from order import store_overview, store_reads
from order.answers import Comparison, OrderPage, OrderView, Timeline, Told
from order.domain import Standing, Status, owed_by
from order.orchestrator_client import OrchestratorClient, Unreachable
from order.overview import Overview, overview
from order.ports import Clock
from saga.contract import STEP_BY_STATE, Mode
from sagakit.shell.paging import write_cursor

RECENT_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Looking:
    """What is asked, and how long an order may be silent until it is called stuck."""

    pool: Any
    orchestrator: OrchestratorClient
    clock: Clock
    stuck_after_seconds: float

    async def row(self, saga_id: str) -> dict[str, Any]:
        """One order's row. Raises HTTPException 404."""
        row = None
        if "\0" not in saga_id:
            async with self.pool.acquire() as connection:
                row = await store_reads.one(connection, saga_id)
        if row is None:
            detail = f"saga {saga_id[:80]!r} is not known here; GET /sagas lists those that are"
            raise HTTPException(404, detail)
        return row

    async def saga(self, saga_id: str) -> OrderView:
        """One order: where it stands and who owes the next step."""
        return view(await self.row(saga_id))

    async def timeline(self, saga_id: str) -> Timeline:
        """What happened so far."""
        return await self.timeline_of(await self.saga(saga_id))

    async def timeline_of(self, saga: OrderView) -> Timeline:
        """What happened so far: heard by order in choreography, else told by the orchestrator."""
        if saga.mode == Mode.ORCH.long:
            told = await self._told(saga.saga_id)
        else:
            async with self.pool.acquire() as connection:
                events = await store_reads.timeline(connection, saga.saga_id)
            told = {"source": "order", "events": events}
        return Timeline(saga_id=saga.saga_id, mode=saga.mode, status=saga.status, **told)

    async def told(self, saga_id: str) -> Told:
        """One order and what happened to it so far."""
        saga = await self.saga(saga_id)
        return Told(saga=saga, timeline=await self.timeline_of(saga))

    async def comparison(self, choreo: str | None, orch: str | None) -> Comparison:
        """An order of each mode; the youngest where none is named."""
        sides: dict[str, Told | None] = {}
        for mode, named in ((Mode.CHOREO, choreo), (Mode.ORCH, orch)):
            saga_id = named or await self.youngest(mode)
            told = None if saga_id is None else await self.told(saga_id)
            if told is not None and told.saga.mode != mode.long:
                detail = f"saga {saga_id} runs in {told.saga.mode}; name one of {mode.long}"
                raise HTTPException(404, detail)
            sides[mode.long] = told
        return Comparison(**sides)

    async def _told(self, saga_id: str) -> dict[str, Any]:
        """The orchestrator's history on demand, or a plain word on why there is none."""
        try:
            saga = await self.orchestrator.show(saga_id)
        except Unreachable as error:
            note = f"the orchestrator cannot be reached ({error}); try again"
            return {"source": None, "events": [], "note": note}
        if saga is None:
            note = (
                "the orchestrator does not know this saga yet; "
                "place-order is said again until it does"
            )
            return {"source": "orchestrator", "events": [], "note": note}
        return {"source": "orchestrator", "events": saga.get("history", [])}

    async def page(self, query: store_reads.Query, limit: int) -> OrderPage:
        """The youngest orders that fit, and where the next page begins."""
        async with self.pool.acquire() as connection:
            rows = await store_reads.page(connection, query, limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        next_cursor = write_cursor(last["created_at"], last["saga_id"]) if last else None
        return OrderPage(sagas=[view(row) for row in rows[:limit]], next_cursor=next_cursor)

    async def overview(self) -> Overview:
        """Where the orders of both modes stand now."""
        stuck_after = self.stuck_after_seconds
        async with self.pool.acquire() as connection:
            opens = await store_overview.open_orders(connection, stuck_after)
            ends = await store_overview.recent_ends(connection)
            stuck: list[dict[str, Any]] = []
            if any(one.stuck or one.parked for one in opens):
                ids = await store_overview.stuck_ids(connection, stuck_after)
                found = [await store_reads.one(connection, saga_id) for saga_id in ids]
                stuck = [row for row in found if row is not None]
            recent = await store_reads.page(connection, store_reads.Query(), RECENT_SHOWN)
        shown = [view(row) for row in stuck], [view(row) for row in recent]
        return overview(self.clock(), stuck_after, (opens, ends), *shown)

    async def youngest(self, mode: Mode) -> str | None:
        """The order of a mode that was placed last; None where there is none."""
        async with self.pool.acquire() as connection:
            return await store_overview.youngest_id(connection, mode.value)


def view(row: dict[str, Any]) -> OrderView:
    """A row as it is told: the mode in its long form, the step by name, and who owes it."""
    standing = Standing(Status(row["status"]), row["current_step"])
    word = STEP_BY_STATE.get(row["current_step"])
    told = {
        **row,
        "mode": Mode(row["mode"]).long,
        "step": word.name if word else None,
        "owed_by": owed_by(row["mode"], standing, known=row["known"]),
    }
    return OrderView(**told)
