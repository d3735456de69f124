"""Errors of an HTTP API as `application/problem+json` (RFC 9457): field, bound and next step.

What every API answers alike is here; a service adds its own errors with `app.add_exception_handler`
and `problem`. It must not know what the API is about.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE: Final = "application/problem+json"
BODY_BYTES_MAX: Final = 64 * 1024
ERRORS_MAX: Final = 10
"""A request with a thousand wrong ids is told of the first ones."""

_TOO_LARGE: Final = (
    f"the body is larger than {BODY_BYTES_MAX} bytes; leave out what is no field of the request"
)

log = logging.getLogger(__name__)


class FieldError(BaseModel):
    """A field that is to blame, and what it must be."""

    field: str = Field(description="with dots: ids.0")
    message: str


class Problem(BaseModel):
    """Every answer of 400 and above."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="what is wrong, its bound, and what to do next")
    errors: list[FieldError] = Field(default=[], description="left out where no field is to blame")


def problem(
    status: int,
    title: str,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """One problem; `errors` name the fields that are to blame."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    body["detail"] = detail
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def invalid(field: str, message: str) -> JSONResponse:
    """One field outside its bounds; `message` names it, the bound and the next step."""
    errors = [{"field": field, "message": message}]
    return problem(422, "The request is not valid", message, errors)


def install(app: FastAPI) -> None:
    """Let every error of `app` be said as a problem, and no body above the bound be read."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _unexpected)
    for kind in (
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.InterfaceError,
        OSError,
    ):
        app.add_exception_handler(kind, _unavailable)
    app.add_middleware(BodyLimit)


class BodyLimit:
    """Refuses a body above the bound, by what is announced and by what comes (chunks too)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with a counting receive."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > BODY_BYTES_MAX:
            await problem(413, _refusal(413), _TOO_LARGE)(scope, receive, send)
            return
        received = 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_BYTES_MAX:
                # Only this class passes FastAPI's reading of a body; any other becomes a 400.
                raise HTTPException(413, _TOO_LARGE)
            return message

        await self._app(scope, counting, send)


def _refusal(status: int) -> str:
    return {
        404: "Not found",
        405: "Not a method of this address",
        409: "Taken or ended",
        413: "The request is too large",
    }.get(status, "The request was refused")


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [
        {"field": ".".join(str(part) for part in each["loc"][1:]), "message": str(each["msg"])}
        for each in found[:ERRORS_MAX]
    ]
    detail = "; ".join(f"{each['field'] or 'body'}: {each['message']}" for each in errors)
    return problem(422, "The request is not valid", f"{detail}; see /openapi.json", errors)


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = error.status_code
    return problem(status, _refusal(status), str(error.detail), headers=error.headers)


async def _unavailable(_request: Request, _error: Exception) -> JSONResponse:
    detail = (
        "the database cannot be reached; try again, with the same Idempotency-Key if there is one"
    )
    return problem(503, "Not available at the moment", detail, headers={"Retry-After": "1"})


async def _unexpected(_request: Request, _error: Exception) -> JSONResponse:
    """Say nothing of the cause: it is in the log, with its trace."""
    detail = "an error of this service, not of the request; its log has the cause"
    return problem(500, "Internal error", detail)
