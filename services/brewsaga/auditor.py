"""The audit as a small service: who judges an experiment asks it, and needs no database itself.

`brewsaga audit --serve PORT`; where the databases are is told by `PAYMENT_DATABASE_URL` and its
kin, never by an argument, since they hold passwords. It only reads.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import asyncpg
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from brewsaga.audit import Line, Report, audit
from brewsaga.errors import CommandError, Exit
from saga import contract
from sagakit.shell.api import create_api, errors

VIOLATIONS_TOLD_MAX: Final = 20
"""Violations of one invariant that are told; the others are counted."""

Judge = Callable[[], Awaitable[Report]]


class ViolationView(BaseModel):
    """One broken promise."""

    saga_id: str
    text: str


class InvariantView(BaseModel):
    """One invariant's result."""

    invariant: int
    title: str
    looked_at: str
    unseen: str = Field(description="why it could not be judged from here; else empty")
    violations: list[ViolationView]
    violation_count: int


class AuditView(BaseModel):
    """The whole audit, as of now."""

    sagas: int
    open_sagas: int
    invariants: list[InvariantView]


def create_app(judge: Judge) -> FastAPI:
    """Build the API over the audit. Two questions at once are one audit after the other."""
    app = create_api("BrewSaga auditor", None)
    gate = asyncio.Lock()

    @app.get("/audit", tags=["audit"], responses=errors(503))
    async def get_audit() -> AuditView:
        """Judge every promise now."""
        async with gate:
            try:
                report = await judge()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise HTTPException(503, f"a database cannot be read: {error}") from error
        return AuditView(
            sagas=report.sagas,
            open_sagas=report.open_sagas,
            invariants=[_view(line) for line in report.lines],
        )

    return app


def _view(line: Line) -> InvariantView:
    told = line.violations[:VIOLATIONS_TOLD_MAX]
    return InvariantView(
        invariant=line.invariant,
        title=line.title,
        looked_at=line.looked_at,
        unseen=line.unseen,
        violations=[ViolationView(saga_id=one.saga_id, text=one.text) for one in told],
        violation_count=len(line.violations),
    )


def database_urls(environment: Mapping[str, str]) -> dict[str, str]:
    """Each service's database, as the environment says. Raises CommandError for a missing one."""
    named = {service: f"{service.upper()}_DATABASE_URL" for service in contract.DATABASES}
    missing = [name for name in named.values() if not environment.get(name)]
    if missing:
        text = f"not set: {', '.join(missing)}; the auditor reads every database"
        raise CommandError(text, "brewsaga audit --help", Exit.USAGE)
    return {service: environment[name] for service, name in named.items()}


def serve(host: str, port: int, bootstrap: str, prefix: str) -> Exit:
    """Serve until SIGTERM."""
    urls = database_urls(os.environ)

    async def judge() -> Report:
        return await audit(urls, bootstrap or None, prefix)

    uvicorn.run(create_app(judge), host=host, port=port, log_level="warning", access_log=False)
    return Exit.COMPLETED
