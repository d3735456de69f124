"""Errors of the API as `application/problem+json` (RFC 9457): each names the field, its bound and
the next step.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from order.placing import RETRY_AFTER_SECONDS, Contradicts, TooMuchInFlight, Unacceptable

BODY_BYTES_MAX: Final = 64 * 1024
ERRORS_MAX: Final = 10


def problem(
    status: int,
    title: str,
    detail: str,
    errors: Sequence[dict[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """One problem; `errors` name the fields that are to blame."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    body["detail"] = detail
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(
        body, status, media_type="application/problem+json", headers=dict(headers or {})
    )


def install(app: FastAPI) -> None:
    """Let every error of `app` be said as a problem."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Unacceptable, _unacceptable)
    app.add_exception_handler(Contradicts, _contradicts)
    app.add_exception_handler(TooMuchInFlight, _too_much)
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
    """Refuses a body above the bound, by what is announced and by what comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with a counting receive."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > BODY_BYTES_MAX:
            await _too_large()(scope, receive, send)
            return
        received = 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_BYTES_MAX:
                raise HTTPException(413, _TOO_LARGE)
            return message

        await self._app(scope, counting, send)


_TOO_LARGE: Final = (
    f"the body is larger than {BODY_BYTES_MAX} bytes; leave out what is no field of the request"
)


def _too_large() -> JSONResponse:
    return problem(413, "The request is too large", _TOO_LARGE)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [
        {"field": ".".join(str(part) for part in each["loc"][1:]), "message": str(each["msg"])}
        for each in found[:ERRORS_MAX]
    ]
    detail = "; ".join(f"{each['field'] or 'body'}: {each['message']}" for each in errors)
    return problem(422, "The request is not valid", f"{detail}; see /docs", errors)


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = error.headers or {}
    return problem(error.status_code, "The request was refused", str(error.detail), headers=headers)


async def _unacceptable(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Unacceptable)
    errors = [{"field": error.field, "message": error.detail}]
    return problem(422, "The request is not valid", error.detail, errors)


async def _contradicts(_request: Request, error: Exception) -> JSONResponse:
    return problem(409, "Taken by another request", str(error))


async def _too_much(_request: Request, error: Exception) -> JSONResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return problem(429, "Too much in flight", str(error), headers=headers)


async def _unavailable(_request: Request, _error: Exception) -> JSONResponse:
    detail = "the database cannot be reached; try again with the same Idempotency-Key"
    return problem(503, "Not available at the moment", detail, headers={"Retry-After": "1"})
