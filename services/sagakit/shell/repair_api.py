"""The repair verbs over HTTP, alike in every service: what is stuck, what to do, what was done.

    GET  /parked         undos that wait (where the service has any)
    GET  /dead-letters   messages that were put aside
    POST /repairs        one verb, on ids or on all that fit; `dry_run` shows what it would do
    GET  /repairs        who did what and why, with before and after

A filter that a verb does not know is refused, never passed over: it would widen what is done. It
must not know any business.
"""

import uuid
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, FastAPI, HTTPException, Query
from pydantic import SecretStr

from sagakit.core.repair import Asked, Case, Choice, Verb, Waits
from sagakit.shell.api import create_api, errors
from sagakit.shell.metrics import MODE_WORDS
from sagakit.shell.paging import PAGE_DEFAULT, Limit
from sagakit.shell.ports import Connection
from sagakit.shell.redrive import Redrive
from sagakit.shell.repair_bodies import (
    ID_MAX,
    NO_NUL,
    NUMBER_MAX,
    TEXT_MAX,
    CaseView,
    Letter,
    LetterPage,
    Parked,
    ParkedPage,
    RepairAnswer,
    Repaired,
    RepairRequest,
    Trail,
    invalid,
)
from sagakit.shell.repairs import Overtaken, Repairs
from sagakit.shell.runtime import Runtime

After = Annotated[str, Query(max_length=ID_MAX, pattern=NO_NUL, description="next_after")]
SagaFilter = Annotated[str | None, Query(max_length=ID_MAX, pattern=NO_NUL)]
WordFilter = Annotated[str | None, Query(max_length=TEXT_MAX, pattern=NO_NUL)]


class Parking(Protocol):
    """Lists undos that wait."""

    async def listed(self, connection: Connection, choice: Choice) -> list[dict[str, Any]]: ...


def create_app(
    title: str,
    runtime: Runtime,
    repairs: Repairs,
    parking: Parking | None,
    token: SecretStr | None,
) -> FastAPI:
    """The API of a service that has no other."""
    app = create_api(title, token)
    add_routes(app, runtime, repairs, parking)
    return app


def add_routes(app: FastAPI, runtime: Runtime, repairs: Repairs, parking: Parking | None) -> None:
    """Beside what the service answers itself."""
    app.include_router(_repairing(repairs))
    app.include_router(_looking(runtime, repairs))
    if parking is not None:
        app.include_router(_parked(runtime, parking))


def _repairing(repairs: Repairs) -> APIRouter:
    router = APIRouter(tags=["repair"])

    @router.post("/repairs", responses=errors(409, 422))
    async def repair(request: RepairRequest) -> RepairAnswer:
        """Carry out a verb, a page at a time; each change leaves its row in the trail."""
        _check(request, repairs)
        asked = Asked(
            str(request.repair_id or uuid.uuid4()), request.verb, request.who, request.why
        )
        try:
            if request.dry_run:
                page = await repairs.look(request.verb, request.choice())
            else:
                page = await repairs.carry_out(asked, request.choice())
        except Overtaken as error:
            raise HTTPException(409, f"{error}; send the same request again") from error
        return RepairAnswer(
            repair_id=uuid.UUID(asked.repair_id),
            service=repairs.service,
            verb=request.verb,
            dry_run=request.dry_run,
            changed=sum(case.after is not None for case in page.cases),
            cases=[_view(case) for case in page.cases],
            next_after=page.after,
        )

    @router.get("/repairs")
    async def trail(
        saga_id: SagaFilter = None,
        repair_id: uuid.UUID | None = None,
        verb: Verb | None = None,
        before: Annotated[int | None, Query(ge=1, le=NUMBER_MAX)] = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Trail:
        """Who did what and why, with before and after, the latest first."""
        one = None if repair_id is None else str(repair_id)
        rows = await repairs.trail(saga_id, one, verb, before, limit + 1)
        told = [Repaired(**_long(row)) for row in rows[:limit]]
        return Trail(repairs=told, next_before=told[-1].number if len(rows) > limit else None)

    return router


def _looking(runtime: Runtime, repairs: Repairs) -> APIRouter:
    router = APIRouter(tags=["repair"])
    redrive = repairs.remedies[Verb.REDRIVE]
    assert isinstance(redrive, Redrive)

    @router.get("/dead-letters")
    async def dead_letters(
        topic: WordFilter = None,
        reason: WordFilter = None,
        limit: Limit = PAGE_DEFAULT,
        after: After = "",
    ) -> LetterPage:
        """Messages that were put aside and are not handled yet."""
        choice = Choice(topic=topic, reason=reason, after=after, limit=limit + 1)
        async with runtime.pool.acquire() as connection:
            rows = await redrive.listed(connection, choice)
        told = [Letter(**_long(dict(row))) for row in rows[:limit]]
        following = str(told[-1].id) if len(rows) > limit else None
        return LetterPage(dead_letters=told, next_after=following)

    return router


def _parked(runtime: Runtime, parking: Parking) -> APIRouter:
    router = APIRouter(tags=["repair"])

    @router.get("/parked")
    async def parked(
        state: Waits = Waits.PARKED,
        saga_id: SagaFilter = None,
        limit: Limit = PAGE_DEFAULT,
        after: After = "",
    ) -> ParkedPage:
        """Undos that wait for a person, or (`waiting`, `any`) for their next attempt."""
        ids = None if saga_id is None else (saga_id,)
        choice = Choice(ids=ids, state=state, after=after, limit=limit + 1)
        async with runtime.pool.acquire() as connection:
            rows = await parking.listed(connection, choice)
        told = [Parked(**_long(row)) for row in rows[:limit]]
        following = told[-1].saga_id if len(rows) > limit else None
        return ParkedPage(parked=told, next_after=following)

    return router


def _check(request: RepairRequest, repairs: Repairs) -> None:
    """Raises RequestValidationError, which names the field, the bound and the next step."""
    remedy = repairs.remedies.get(request.verb)
    if remedy is None:
        known = ", ".join(repairs.remedies)
        raise invalid("verb", f"{repairs.service} has {known}; ask the service that owes it")
    if not request.dry_run:
        for name in ("who", "why"):
            if not getattr(request, name).strip():
                raise invalid(name, "must say something: it is kept in the trail")
    given = request.filters()
    if request.ids is not None and (given or request.everything):
        raise invalid("ids", "give ids, or filters, or everything: ids are meant as they are")
    unknown = given - remedy.filters
    if unknown:
        known = ", ".join(sorted(remedy.filters))
        raise invalid(min(unknown), f"{request.verb} of {repairs.service} tells apart {known}")
    if request.ids is None and not given and not request.everything:
        raise invalid("ids", "give ids, a filter, or everything: true")


def _view(case: Case) -> CaseView:
    return CaseView(
        subject=case.subject,
        saga_id=case.saga_id,
        mode=MODE_WORDS[case.mode],  # type: ignore[arg-type] # the two long forms
        step=case.step,
        before=dict(case.before),
        after=None if case.after is None else dict(case.after),
        note=case.note,
    )


def _long(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "mode": MODE_WORDS[row["mode"]]}
