"""The order service's HTTP API: place orders and batches, see where they stand, ask for their end.

It turns requests into calls and rows into answers, and decides nothing. It must not know Kafka or
protobuf.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Header, Query, Response
from pydantic import SecretStr
from starlette.exceptions import HTTPException

from order import api_intake, problems, store_reads
from order.answers import (
    Accepted,
    BatchCancelled,
    BatchProgress,
    BatchSummary,
    CancelAsked,
    OrderPage,
    OrderView,
    Timeline,
)
from order.answers import Status as StatusWord
from order.batch_progress import Progress
from order.batches import Batches
from order.bodies import AnyMode, BatchRequest, SagaRequest, read_since
from order.domain import Standing, Status, owed_by
from order.orchestrator_client import OrchestratorClient, Unreachable
from order.placing import Placing
from order.ports import Clock, Runtime
from saga.contract import STEP_BY_STATE, Mode
from sagakit.shell.api import create_api, errors
from sagakit.shell.paging import PAGE_DEFAULT, Cursor, Limit, read_cursor, write_cursor

STUCK_SECONDS: Final = 120.0
"""An open order of which nothing new was learnt for so long is called stuck, as the alert does."""

KeyHeader = Annotated[str | None, Header(alias="Idempotency-Key")]


@dataclass(frozen=True, slots=True)
class Doors:
    """What the API opens."""

    runtime: Runtime
    placing: Placing
    batches: Batches
    orchestrator: OrchestratorClient
    clock: Clock


def create_app(doors: Doors, token: SecretStr | None) -> FastAPI:
    """Build the API; whatever changes something asks for `token`, where there is one."""
    app = create_api("BrewSaga order", token)
    problems.install(app)
    app.include_router(_placing(doors))
    app.include_router(_reading(doors))
    app.include_router(_batches(doors))
    app.include_router(api_intake.router(doors))
    return app


def _placing(doors: Doors) -> APIRouter:
    router = APIRouter(tags=["sagas"])
    again: dict[int | str, dict[str, Any]] = {
        200: {"model": Accepted, "description": "The same request placed it before"}
    }

    @router.post("/sagas", status_code=202, responses=again | errors(409, 422, 429))
    async def place_saga(
        request: SagaRequest, response: Response, idempotency_key: KeyHeader = None
    ) -> Accepted:
        """Place an order: 202 when it is new, 200 when the same request placed it before."""
        placed = await doors.placing.place(request.draft(request.saga_id), idempotency_key)
        response.status_code = 202 if placed.is_new else 200
        response.headers["Location"] = f"/sagas/{placed.saga_id}"
        return Accepted(saga_id=placed.saga_id, mode=request.mode.long, new=placed.is_new)

    @router.post("/sagas/{saga_id}/cancel", status_code=202, responses=errors(404, 409))
    async def cancel_saga(saga_id: str) -> CancelAsked:
        """Ask an open order to end. It takes effect only where nothing definite forbids it, so read
        the end.
        """
        row = await _order(doors, saga_id)
        if row["status"] != Status.RUNNING:
            detail = f"saga {saga_id} has ended ({row['outcome']}); an end is never left"
            raise HTTPException(409, detail)
        await doors.placing.cancel([saga_id])
        return CancelAsked(saga_id=saga_id, cancel_asked=True)

    return router


def _reading(doors: Doors) -> APIRouter:
    router = APIRouter(tags=["sagas"])

    @router.get("/sagas")
    async def list_sagas(  # noqa: PLR0913 - one argument a filter
        mode: AnyMode | None = None,
        status: StatusWord | None = None,
        stuck: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query parameter
        since: Annotated[str | None, Query(description="10m, 2h, or a time with its zone")] = None,
        limit: Limit = PAGE_DEFAULT,
        cursor: Cursor = None,
    ) -> OrderPage:
        """List orders, youngest first, one page at a time."""
        query = store_reads.Query(
            mode.value if mode else None,
            status,
            STUCK_SECONDS if stuck else None,
            read_since(since, doors.clock()) if since else None,
            read_cursor(cursor),
        )
        async with doors.runtime.pool.acquire() as connection:
            rows = await store_reads.page(connection, query, limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        next_cursor = write_cursor(last["created_at"], last["saga_id"]) if last else None
        return OrderPage(sagas=[_view(row) for row in rows[:limit]], next_cursor=next_cursor)

    @router.get("/sagas/{saga_id}", responses=errors(404))
    async def get_saga(saga_id: str) -> OrderView:
        """One order: where it stands and who owes the next step."""
        return _view(await _order(doors, saga_id))

    @router.get(
        "/sagas/{saga_id}/timeline", responses=errors(404), response_model_exclude_unset=True
    )
    async def get_timeline(saga_id: str) -> Timeline:
        """What happened so far: heard by order in choreography, told by the orchestrator in
        orchestration.
        """
        row = await _order(doors, saga_id)
        if row["mode"] == Mode.ORCH:
            told = await _told(doors, saga_id)
        else:
            async with doors.runtime.pool.acquire() as connection:
                events = await store_reads.timeline(connection, saga_id)
            told = {"source": "order", "events": events}
        mode = Mode(row["mode"]).long
        return Timeline(saga_id=saga_id, mode=mode, status=row["status"], **told)

    return router


def _batches(doors: Doors) -> APIRouter:
    router = APIRouter(tags=["batches"])
    again: dict[int | str, dict[str, Any]] = {
        200: {"model": BatchSummary, "description": "The same batch was put before"}
    }

    @router.put("/batches/{uid}", status_code=202, responses=again | errors(409, 422))
    async def put_batch(uid: str, request: BatchRequest, response: Response) -> BatchSummary:
        """Accept a batch of orders: 202 when it is new, 200 when the same was put before."""
        is_new = await doors.batches.put(uid, request.wanted())
        response.status_code = 202 if is_new else 200
        return BatchSummary(**await _summary(doors, uid))

    @router.get("/batches/{uid}", responses=errors(404))
    async def get_batch(uid: str) -> BatchSummary:
        """How far the batch is placed, and what has become of its orders."""
        return BatchSummary(**await _summary(doors, uid))

    @router.get("/batches/{uid}/progress", responses=errors(404))
    async def get_progress(uid: str) -> BatchProgress:
        """The summary, and how each step of its orders went so far."""
        progress = Progress(doors.runtime, doors.batches, doors.orchestrator)
        found = None if "\0" in uid else await progress.of(uid)
        if found is None:
            raise _no_batch(uid)
        return BatchProgress(**found)

    @router.post("/batches/{uid}/cancel", status_code=202, responses=errors(404))
    async def cancel_batch(uid: str) -> BatchCancelled:
        """Place no more of it and ask every open order to end."""
        asked = await doors.batches.cancel(uid)
        if asked is None:
            raise _no_batch(uid)
        return BatchCancelled(**await _summary(doors, uid), asked_to_cancel=asked)

    return router


async def _order(doors: Doors, saga_id: str) -> dict[str, Any]:
    row = None
    if "\0" not in saga_id:
        async with doors.runtime.pool.acquire() as connection:
            row = await store_reads.one(connection, saga_id)
    if row is None:
        detail = f"saga {saga_id[:80]!r} is not known here; GET /sagas lists those that are"
        raise HTTPException(404, detail)
    return row


async def _summary(doors: Doors, uid: str) -> dict[str, Any]:
    found = None if "\0" in uid else await doors.batches.summary(uid)
    if found is None:
        raise _no_batch(uid)
    return found


def _no_batch(uid: str) -> HTTPException:
    return HTTPException(404, f"batch {uid[:80]!r} is not known; PUT it first")


async def _told(doors: Doors, saga_id: str) -> dict[str, Any]:
    """The orchestrator's history on demand, or a plain word on why there is none."""
    try:
        saga = await doors.orchestrator.show(saga_id)
    except Unreachable as error:
        note = f"the orchestrator cannot be reached ({error}); try again"
        return {"source": None, "events": [], "note": note}
    if saga is None:
        note = (
            "the orchestrator does not know this saga yet; place-order is said again until it does"
        )
        return {"source": "orchestrator", "events": [], "note": note}
    return {"source": "orchestrator", "events": saga.get("history", [])}


def _view(row: dict[str, Any]) -> OrderView:
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
