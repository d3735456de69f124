"""The order service's HTTP API: place orders and batches, see where they stand, ask for their end.

It turns requests into calls and rows into answers, and decides nothing. It must not know Kafka or
protobuf.
"""

from dataclasses import dataclass, field
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
    Comparison,
    OrderPage,
    OrderView,
    Timeline,
)
from order.answers import Status as StatusWord
from order.batch_progress import Progress
from order.batches import Batches
from order.bodies import AnyMode, BatchRequest, SagaRequest, read_since
from order.domain import Status
from order.live import Live
from order.looking import Looking
from order.orchestrator_client import OrchestratorClient
from order.overview import Overview
from order.page import routes as page
from order.placing import Placing
from order.ports import Clock, Runtime
from saga.contract import STEPS
from sagakit.shell.api import create_api, errors
from sagakit.shell.paging import PAGE_DEFAULT, Cursor, Limit, read_cursor

STUCK_SECONDS: Final = 120.0
"""An open order of which nothing new was learnt for so long is called stuck, as the alert does."""

STEP_NAMES: Final = "|".join(word.name for word in STEPS)
STATE_BY_STEP: Final = {word.name: word.current_step for word in STEPS}
ALSO_A_PAGE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}}
}
"""The same address drawn for people, where `Accept` asks for text/html."""

KeyHeader = Annotated[str | None, Header(alias="Idempotency-Key")]


@dataclass(frozen=True, slots=True)
class Doors:
    """What the API opens."""

    runtime: Runtime
    placing: Placing
    batches: Batches
    orchestrator: OrchestratorClient
    clock: Clock
    stuck_after_seconds: float = STUCK_SECONDS
    faults_enabled: bool = True
    live: Live = field(default_factory=Live)

    @property
    def looking(self) -> Looking:
        """What only reads."""
        pool = self.runtime.pool
        return Looking(pool, self.orchestrator, self.clock, self.stuck_after_seconds)


def create_app(doors: Doors, token: SecretStr | None) -> FastAPI:
    """Build the API; whatever changes something asks for `token`, where there is one."""
    app = create_api("BrewSaga order", token)
    problems.install(app)
    page.install(app, doors, needs_token=token is not None)
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
        row = await doors.looking.row(saga_id)
        if row["status"] != Status.RUNNING:
            detail = f"saga {saga_id} has ended ({row['outcome']}); an end is never left"
            raise HTTPException(409, detail)
        await doors.placing.cancel([saga_id])
        return CancelAsked(saga_id=saga_id, cancel_asked=True)

    return router


def _reading(doors: Doors) -> APIRouter:
    router = APIRouter(tags=["sagas"])

    @router.get("/", responses=ALSO_A_PAGE)
    async def get_overview() -> Overview:
        """Status × step of both modes: what is open, how the youngest ended, who is stuck."""
        return await doors.looking.overview()

    @router.get("/compare", responses=ALSO_A_PAGE | errors(404))
    async def compare(choreo: str | None = None, orch: str | None = None) -> Comparison:
        """One order of each mode with its timeline; the youngest where none is named."""
        return await doors.looking.comparison(choreo, orch)

    @router.get("/sagas", responses=ALSO_A_PAGE)
    async def list_sagas(  # noqa: PLR0913 - one argument a filter
        mode: AnyMode | None = None,
        status: StatusWord | None = None,
        step: Annotated[str | None, Query(pattern=f"^({STEP_NAMES})$")] = None,
        stuck: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query parameter
        since: Annotated[str | None, Query(description="10m, 2h, or a time with its zone")] = None,
        limit: Limit = PAGE_DEFAULT,
        cursor: Cursor = None,
    ) -> OrderPage:
        """List orders, youngest first, one page at a time. `step` and `stuck` are of open ones."""
        query = store_reads.Query(
            mode.value if mode else None,
            status,
            doors.stuck_after_seconds if stuck else None,
            read_since(since, doors.clock()) if since else None,
            read_cursor(cursor),
            STATE_BY_STEP[step] if step else None,
        )
        return await doors.looking.page(query, limit)

    @router.get("/sagas/{saga_id}", responses=ALSO_A_PAGE | errors(404))
    async def get_saga(saga_id: str) -> OrderView:
        """One order: where it stands and who owes the next step."""
        return await doors.looking.saga(saga_id)

    @router.get(
        "/sagas/{saga_id}/timeline", responses=errors(404), response_model_exclude_unset=True
    )
    async def get_timeline(saga_id: str) -> Timeline:
        """What happened so far: heard by order in choreography, told by the orchestrator in
        orchestration.
        """
        return await doors.looking.timeline(saga_id)

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


async def _summary(doors: Doors, uid: str) -> dict[str, Any]:
    found = None if "\0" in uid else await doors.batches.summary(uid)
    if found is None:
        raise _no_batch(uid)
    return found


def _no_batch(uid: str) -> HTTPException:
    return HTTPException(404, f"batch {uid[:80]!r} is not known; PUT it first")
