"""The errors of placing as HTTP answers. What every API answers alike is the kit's."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from order.placing import (
    PAUSED_RETRY_AFTER_SECONDS,
    RETRY_AFTER_SECONDS,
    Contradicts,
    IntakePaused,
    TooMuchInFlight,
    Unacceptable,
)
from sagakit.shell.problems import invalid, problem


def install(app: FastAPI) -> None:
    """Let what placing refuses be said as a problem."""
    app.add_exception_handler(Unacceptable, _unacceptable)
    app.add_exception_handler(Contradicts, _contradicts)
    app.add_exception_handler(TooMuchInFlight, _too_much)
    app.add_exception_handler(IntakePaused, _paused)


async def _unacceptable(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Unacceptable)
    return invalid(error.field, error.detail)


async def _contradicts(_request: Request, error: Exception) -> JSONResponse:
    return problem(409, "Taken by another request", str(error))


async def _too_much(_request: Request, error: Exception) -> JSONResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return problem(429, "Too much in flight", str(error), headers=headers)


async def _paused(_request: Request, error: Exception) -> JSONResponse:
    headers = {"Retry-After": str(PAUSED_RETRY_AFTER_SECONDS)}
    return problem(503, "Intake is paused", str(error), headers=headers)
