"""The part of the API that closes and opens the door for new orders, and says what is open behind
it.

A choreography is changed while nothing of it runs: see docs/upgrades.md. It decides nothing.
"""

import logging
from datetime import datetime
from typing import Annotated, Final, Protocol

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from order import store_intake
from order.answers import LongMode
from order.bodies import AnyMode
from order.ports import Runtime
from order.store_intake import Intake
from saga.contract import Mode

WORDS_LENGTH_MAX: Final = 256
Words = Annotated[str, Field(max_length=WORDS_LENGTH_MAX, pattern="^[^\\x00]*$")]

log = logging.getLogger(__name__)


class IntakeRequest(BaseModel):
    """Whether the door is to be closed; why and by whom are told to all who find it so."""

    model_config = ConfigDict(extra="forbid", strict=True)

    paused: bool
    reason: Words = ""
    by: Words = ""


class IntakeView(BaseModel):
    """The door of one mode, and its orders that have no end yet."""

    mode: LongMode
    paused: bool
    reason: str = Field(description="empty while it is open")
    paused_by: str
    paused_at: datetime | None
    open: int = Field(description="orders without an end")
    open_by_step: dict[str, int]
    parked: int = Field(description="those of them that wait for a person, as far as order knows")


class IntakeViews(BaseModel):
    """Both modes."""

    modes: list[IntakeView]


class HasRuntime(Protocol):
    """Of all that the API opens, what is needed here."""

    @property
    def runtime(self) -> Runtime: ...


def router(doors: HasRuntime) -> APIRouter:
    """The routes, over the database that all processes of order share."""
    routes = APIRouter(tags=["intake"])

    @routes.get("/intake")
    async def get_intake() -> IntakeViews:
        """Whether new orders are taken, and how many are open."""
        async with doors.runtime.pool.acquire() as connection:
            found = await store_intake.read(connection)
        return IntakeViews(modes=[_view(intake) for intake in found])

    @routes.put("/intake/{mode}")
    async def put_intake(mode: AnyMode, request: IntakeRequest) -> IntakeView:
        """Close or open the door of a mode; asking for what is so already changes nothing."""
        await _change(doors.runtime, mode, request)
        async with doors.runtime.pool.acquire() as connection:
            found = await store_intake.read(connection)
        return next(_view(intake) for intake in found if intake.mode is mode)

    return routes


async def _change(runtime: Runtime, mode: Mode, request: IntakeRequest) -> None:
    async with runtime.transaction("intake") as transaction:
        if request.paused:
            await store_intake.pause(transaction.connection, mode, request.reason, request.by)
        else:
            await store_intake.resume(transaction.connection, mode)
    word = "paused" if request.paused else "resumed"
    log.warning(
        "intake of %s %s by %s: %s", mode.long, word, request.by or "-", request.reason or "-"
    )


def _view(intake: Intake) -> IntakeView:
    pause = intake.pause
    return IntakeView(
        mode=intake.mode.long,
        paused=pause is not None,
        reason=pause.reason if pause else "",
        paused_by=pause.paused_by if pause else "",
        paused_at=pause.paused_at if pause else None,
        open=sum(intake.open_by_step.values()),
        open_by_step=intake.open_by_step,
        parked=intake.parked,
    )
