"""The audit as a small service: who judges an experiment asks it, and needs no database itself.

Where the databases are is told by files and never by an argument, since it holds passwords. It only
reads, and never the topics: an experiment asks often.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
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

    @app.get("/livez", include_in_schema=False)
    async def get_alive() -> dict[str, bool]:
        """It serves. Whether it can judge is said in each answer, and is no cause to restart."""
        return {"serves": True}

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


def database_urls(folder: str) -> dict[str, str]:
    """Each service's database, from the file of its name. Raises CommandError for a missing one."""
    try:
        return {
            service: (Path(folder) / service).read_text(encoding="utf-8").strip()
            for service in contract.DATABASES
        }
    except OSError as error:
        text = f"{error.filename}: {error.strerror}; it must hold that service's DATABASE_URL"
        raise CommandError(text, "brewsaga auditor --help", Exit.USAGE) from error


def serve(folder: str, host: str, port: int) -> Exit:
    """Serve until SIGTERM."""
    urls = database_urls(folder)

    async def judge() -> Report:
        return await audit(urls, None, "")

    uvicorn.run(create_app(judge), host=host, port=port, log_level="warning", access_log=False)
    return Exit.COMPLETED
