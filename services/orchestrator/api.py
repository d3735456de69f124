"""The orchestrator's HTTP API: where each saga stands and how it came there.

It reads; what people may do beside is the kit's (`repair_api`), with this service's remedies.
`order` asks `POST /sagas/query` for those it has open, and is answered as soon as one of them has
ended. It must not know Kafka or protobuf.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import asyncpg
from fastapi import APIRouter, FastAPI, HTTPException, Path, Query, Response
from pydantic import BaseModel, Field, SecretStr

from orchestrator import reads
from orchestrator.brew import FLOWS
from orchestrator.domain import outcome
from orchestrator.ends import Ends
from saga.contract import SAGA_ID_PATTERN, STEP_BY_STATE, Outcome
from sagakit.core.steps import Status
from sagakit.shell.api import create_api, errors
from sagakit.shell.paging import PAGE_DEFAULT, Cursor, Limit, read_cursor, write_cursor

IDS_MAX: Final = 1_000
WAIT_SECONDS_MAX: Final = 1.0
QUESTION: Final = "/sagas/query"
"""A POST because ids by the hundred fit in no address; it reads, so it asks for no token."""
STEPS_QUESTION: Final = "/sagas/steps"
"""As `QUESTION`: how the steps of many sagas went."""
REFUSALS_MAX: Final = 10
"""Refusals that are named; the others are in the numbers."""

STEPS: Final = tuple(
    dict.fromkeys(state.name for flow in FLOWS.values() for state in flow.states.values())
)

SagaId = Annotated[str, Field(pattern=f"^{SAGA_ID_PATTERN.pattern}$", examples=["6f1c-…"])]


class Transition(BaseModel):
    """One entry of a saga's history; source and target are equal for a refused undo."""

    version: int
    source: str
    target: str
    event: str
    reason: str
    created_at: datetime


class SagaView(BaseModel):
    """One saga as `saga_state` has it. Times are UTC; ids are empty until known."""

    saga_id: str
    status: str
    current_step: str
    outcome: Outcome | None
    last_event: str
    failure_reason: str
    cancel_asked: bool
    parked: bool
    parked_at: datetime | None
    attempts: int
    customer_id: str
    amount_cents: int
    currency: str
    drink: str
    quantity: int
    deadline: datetime | None
    payment_id: str
    reservation_id: str
    shipment_id: str
    said: int
    version: int
    flow_version: int
    created_at: datetime
    updated_at: datetime


class SagaWithHistory(SagaView):
    """One saga and every transition that brought it where it is, in order."""

    history: list[Transition]


class SagaPage(BaseModel):
    """Sagas, newest first; `next_cursor` is None on the last page."""

    sagas: list[SagaView]
    next_cursor: str | None


class Question(BaseModel):
    """Which sagas are asked for, and how long to wait if none of them has ended."""

    ids: list[SagaId] = Field(max_length=IDS_MAX)
    wait_seconds: float = Field(default=0.0, ge=0, le=WAIT_SECONDS_MAX)
    ended_only: bool = Field(default=False, description="leave out those that still run")


class Standing(BaseModel):
    """Where one saga stands, and no more: this is asked thousands of times a second."""

    saga_id: str
    status: str
    current_step: str
    outcome: Outcome | None
    failure_reason: str
    parked: bool
    cancel_asked: bool


class Standings(BaseModel):
    """Those of the sagas asked for that are known; the others are left out."""

    sagas: list[Standing]


class StepsQuestion(BaseModel):
    """Whose steps are asked for."""

    ids: list[SagaId] = Field(max_length=IDS_MAX)


class StepEnd(BaseModel):
    """The ways in which sagas left one step: a line each outcome."""

    step: str = Field(examples=["payment", "refund"])
    outcome: str = Field(description="ok or refused")
    durations_ms: list[int] = Field(description="time in the step, one a saga, in no order")


class Refusal(BaseModel):
    """A step that was refused."""

    saga_id: str
    step: str
    reason: str


class StepEnds(BaseModel):
    """How the steps of the sagas went; sagas that are not known are left out."""

    steps: list[StepEnd]
    refusals: list[Refusal] = Field(description=f"the first {REFUSALS_MAX}")


def create_app(
    pool: "asyncpg.Pool[asyncpg.Record]", ends: Ends, token: SecretStr | None
) -> FastAPI:
    """Build the API over the service's pool and the bell that its handler rings."""
    app = create_api("BrewSaga orchestrator", token, reads=[QUESTION, STEPS_QUESTION])
    app.include_router(_reading(pool))
    app.include_router(_asking(pool, ends))
    return app


def _reading(pool: "asyncpg.Pool[asyncpg.Record]") -> APIRouter:
    router = APIRouter(tags=["sagas"])

    @router.get("/sagas")
    async def list_sagas(
        status: Status | None = None,
        step: Annotated[str | None, Query(pattern=f"^({'|'.join(STEPS)})$")] = None,
        limit: Limit = PAGE_DEFAULT,
        cursor: Cursor = None,
    ) -> SagaPage:
        """List sagas, newest first, one page at a time."""
        after = read_cursor(cursor)
        wanted = None if status is None else status.value
        async with pool.acquire() as connection:
            rows = await reads.page(connection, wanted, step, after, limit + 1)
        views = [SagaView(**_fields(dict(row))) for row in rows[:limit]]
        last = views[-1] if len(rows) > limit else None
        next_cursor = write_cursor(last.created_at, last.saga_id) if last else None
        return SagaPage(sagas=views, next_cursor=next_cursor)

    @router.get("/sagas/{saga_id}", responses=errors(404))
    async def get_saga(
        saga_id: Annotated[str, Path(pattern=f"^{SAGA_ID_PATTERN.pattern}$")],
    ) -> SagaWithHistory:
        """Get one saga with its history."""
        async with pool.acquire() as connection:
            found = await reads.one(connection, saga_id)
        if found is None:
            detail = f"saga_id {saga_id} is not known here; a choreographed saga is order's to tell"
            raise HTTPException(404, detail)
        return SagaWithHistory(**_fields(found))

    return router


def _asking(pool: "asyncpg.Pool[asyncpg.Record]", ends: Ends) -> APIRouter:
    router = APIRouter(tags=["sagas"])

    @router.post(QUESTION, response_model=Standings)
    async def query_sagas(question: Question) -> Response:
        """Say where many sagas stand; wait a moment while none of them has ended."""
        ids = sorted(set(question.ids))
        with ends.listen(ids) as rang:
            found = await _look(pool, ids, ended_only=question.ended_only)
            waits = question.wait_seconds > 0 and ids
            if not waits or any(saga["outcome"] is not None for saga in found):
                return _answer(found)
            try:
                async with asyncio.timeout(question.wait_seconds):
                    await rang.wait()
            except TimeoutError:
                # Another process may have ended one, or a saga moved: look again in any case.
                pass
        return _answer(await _look(pool, ids, ended_only=question.ended_only))

    @router.post(STEPS_QUESTION)
    async def query_steps(question: StepsQuestion) -> StepEnds:
        """Say how the steps of many sagas went: for each way to leave one, how long each took."""
        ids = sorted(set(question.ids))
        async with pool.acquire() as connection:
            moves = await reads.step_times(connection, ids)
            refused = await reads.refusals(connection, ids, REFUSALS_MAX)
        return StepEnds(
            steps=[
                StepEnd(step=_word(source), outcome=event.rpartition(" ")[2], durations_ms=times)
                for source, event, times in moves
            ],
            refusals=[
                Refusal(saga_id=saga_id, step=_word(source), reason=reason)
                for saga_id, source, reason in refused
            ],
        )

    return router


def _word(state: str) -> str:
    return STEP_BY_STATE[state].name


def _answer(found: Sequence[dict[str, Any]]) -> Response:
    """Write what our own table holds as it is: a model's checks cost more than all the rest."""
    body = json.dumps({"sagas": found}, separators=(",", ":"))
    return Response(body, media_type="application/json")


async def _look(
    pool: "asyncpg.Pool[asyncpg.Record]", ids: Sequence[str], *, ended_only: bool
) -> list[dict[str, Any]]:
    """Look up rows as `Standing` describes them."""
    if not ids:
        return []
    async with pool.acquire() as connection:
        rows = await reads.standings(connection, ids, ended_only=ended_only)
    return [
        {
            "saga_id": saga_id,
            "status": status,
            "current_step": step,
            "outcome": outcome(Status(status), last_event),
            "failure_reason": reason,
            "parked": parked,
            "cancel_asked": cancel_asked,
        }
        for saga_id, status, step, last_event, reason, parked, cancel_asked in rows
    ]


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "outcome": outcome(Status(row["status"]), row["last_event"]),
        "parked": row["parked_at"] is not None,
    }
