"""Errors of the HTTP API as `application/problem+json` (RFC 9457), each naming field and bound.

It must not know what the API is about.
"""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

MEDIA_TYPE: Final = "application/problem+json"
ERRORS_MAX: Final = 10
"""A request with a thousand wrong ids is told of the first ones."""


def install(app: FastAPI) -> None:
    """Let every error of `app` be said as a problem."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    for kind in (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
        app.add_exception_handler(kind, _unavailable)


def problem(
    status: int, title: str, detail: str, errors: Sequence[dict[str, str]] = ()
) -> JSONResponse:
    """One problem; `errors` are (field, message) pairs where fields are to blame."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, media_type=MEDIA_TYPE)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [
        {"field": ".".join(str(part) for part in each["loc"][1:]), "message": str(each["msg"])}
        for each in found[:ERRORS_MAX]
    ]
    detail = "; ".join(f"{each['field'] or 'body'}: {each['message']}" for each in errors)
    return problem(422, "The request is not valid", detail, errors)


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):  # Starlette's signature is wider than what it does
        raise error
    response = problem(error.status_code, "The request was refused", str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _unavailable(_request: Request, _error: Exception) -> JSONResponse:
    detail = "the database cannot be reached; try again, nothing was changed"
    response = problem(503, "Not available at the moment", detail)
    response.headers["Retry-After"] = "1"
    return response
