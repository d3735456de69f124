"""One style for every HTTP API: errors are problems, bodies are bounded, changes ask for the token.

And the OpenAPI description says so: FastAPI by itself describes errors that are never sent. A
service makes its app here and adds its routes; it must not do any of this by itself.
"""

from collections.abc import Collection
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import SecretStr

from sagakit.shell import problems
from sagakit.shell.api_token import TokenGate, changes
from sagakit.shell.problems import MEDIA_TYPE, Problem
from sagakit.shell.site_gate import SiteGate
from sagakit.shell.token_file import SETTING

API_VERSION: Final = "1"
_SCHEMAS: Final = "#/components/schemas/"
_NEVER_SENT: Final = ("HTTPValidationError", "ValidationError")
"""FastAPI's own form of an invalid request."""

_ERRORS: Final = {
    "400": "The body cannot be read",
    "401": f"A token is needed: where {SETTING} is set, and for what changes something",
    "403": "A page of another site asked for a change",
    "404": "Not found",
    "409": "Contradicts what is there, which is never changed by it",
    "413": "The body is too large",
    "422": "A field is outside its bounds",
    "429": "Too much in flight; nothing was accepted",
    "500": "An error of the service",
    "503": "Not available now, and the detail says why; try again",
}
_HEADERS: Final = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}


def create_api(title: str, token: SecretStr | None, *, reads: Collection[str] = ()) -> FastAPI:
    """An app without routes. `reads` are the paths whose POST is a question and changes nothing."""
    app = FastAPI(title=title, version=API_VERSION, docs_url=None, redoc_url=None)
    problems.install(app)
    app.add_middleware(SiteGate, reads=reads)
    if token is not None:
        app.add_middleware(TokenGate, token=token, reads=reads)

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app, reads)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign] # FastAPI's own way to change it
    return app


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route declares beside what every route may answer: `responses=errors(404, 409)`."""
    return {status: {"description": _ERRORS[str(status)]} for status in statuses}


def _describe(app: FastAPI, reads: Collection[str]) -> dict[str, Any]:
    described = get_openapi(title=app.title, version=app.version, routes=app.routes)
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            may_need_token = changes(method.upper(), path, reads)
            _declare_errors(operation, may_need_token=may_need_token)
            if may_need_token:
                operation["security"] = [{"token": []}, {}]
    components = described.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _NEVER_SENT:
        schemas.pop(name, None)
    form = Problem.model_json_schema(ref_template=_SCHEMAS + "{model}")
    schemas |= form.pop("$defs") | {"Problem": form}
    scheme = {"type": "http", "scheme": "bearer", "description": f"the text in {SETTING}"}
    components["securitySchemes"] = {"token": scheme}
    return described


def _declare_errors(operation: dict[str, Any], *, may_need_token: bool) -> None:
    """What each route declares, and what can happen to any of its kind; all of one form."""
    answers = operation["responses"]
    statuses = {status for status in answers if status >= "400"} | {"500", "503"}
    if "requestBody" in operation:
        statuses |= {"400", "413"}
    if may_need_token:
        statuses |= {"401", "403"}
    for status in statuses:
        answers[status] = {
            "description": _ERRORS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS + "Problem"}}},
        }
        if status in _HEADERS:
            answers[status]["headers"] = {_HEADERS[status]: {"schema": {"type": "string"}}}
    operation["responses"] = dict(sorted(answers.items()))
