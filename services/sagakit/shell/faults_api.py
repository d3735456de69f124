"""`/faults`: how chaos is switched on and off in a service that was told to allow it.

Guarded by the token like everything that changes something; a service without one does not allow
chaos at all. A name that is put again is replaced, so that a request may be sent twice. Knows no
business.
"""

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException

from sagakit.core.chance import DELAY_SECONDS_MAX, PERCENT_MAX
from sagakit.shell.api import errors
from sagakit.shell.faults import SECONDS_MAX, Fault, Kind, Switchboard, TooMany, utc_now

Name = Annotated[str, Path(pattern=r"^[a-z0-9]([a-z0-9.-]{0,126}[a-z0-9])?$")]


class FaultBody(BaseModel):
    """One fault, with its end."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    expires_at: AwareDatetime = Field(description=f"at most {SECONDS_MAX:g} s from now")
    percent: float = Field(default=PERCENT_MAX, gt=0, le=PERCENT_MAX)
    delay_seconds: float = Field(default=0.0, ge=0, le=DELAY_SECONDS_MAX)
    undo: bool = Field(default=False, description="FailRate: fail undos and not actions")

    @model_validator(mode="after")
    def _check(self) -> "FaultBody":
        if (self.kind is Kind.DELAY) != (self.delay_seconds > 0):
            message = f"delay_seconds is {self.delay_seconds:g}; Delay alone has one, above 0"
            raise ValueError(message)
        if self.undo and self.kind is not Kind.FAIL_RATE:
            message = f"undo is for {Kind.FAIL_RATE.value} alone; leave it out"
            raise ValueError(message)
        return self

    def fault(self) -> Fault:
        """In the kit's words."""
        return Fault(self.kind, self.expires_at, self.percent, self.delay_seconds, self.undo)


class FaultView(BaseModel):
    """A fault that is on."""

    name: str
    kind: Kind
    expires_at: datetime
    percent: float
    delay_seconds: float
    undo: bool


class FaultList(BaseModel):
    """Everything that is on in this process."""

    faults: list[FaultView]


PATH: Final = "/faults/{name}"


def routes(switchboard: Switchboard) -> APIRouter:
    """The routes over one process's switchboard."""
    router = APIRouter(tags=["faults"])

    @router.get("/faults")
    async def list_faults() -> FaultList:
        """What is switched on in this process."""
        return _told(switchboard)

    @router.put(PATH, responses=errors(409, 422))
    async def put_fault(name: Name, body: FaultBody) -> FaultView:
        """Switch a fault on until `expires_at`, or change it."""
        latest = utc_now() + timedelta(seconds=SECONDS_MAX)
        if not utc_now() < body.expires_at <= latest:
            detail = (
                f"expires_at is {body.expires_at.isoformat()}; it must be in the future and at "
                f"most {SECONDS_MAX:g} seconds away: compare the clocks of caller and service"
            )
            raise HTTPException(422, detail)
        try:
            switchboard.put(name, body.fault())
        except TooMany as error:
            raise HTTPException(409, str(error)) from error
        return _view(name, body.fault())

    @router.delete(PATH, responses=errors(422))
    async def delete_fault(name: Name) -> FaultList:
        """Switch a fault off, and say what is still on; one that is not on is off already."""
        switchboard.drop(name)
        return _told(switchboard)

    return router


def _told(switchboard: Switchboard) -> FaultList:
    found = [_view(name, fault) for name, fault in switchboard.active().items()]
    return FaultList(faults=found)


def _view(name: str, fault: Fault) -> FaultView:
    return FaultView(name=name, **fault._asdict())
