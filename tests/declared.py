"""Holds every answer of an API against its own OpenAPI description: what is sent must be declared.

Knows no service.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from fastapi import FastAPI

Hook = Callable[[httpx.Response], Awaitable[None]]


def client(app: FastAPI, **options: Any) -> httpx.AsyncClient:
    """A client that fails at an answer whose status or form `app` does not declare."""
    hooks = {"response": [_checked(app.openapi())]}
    transport = httpx.ASGITransport(app=app, **options)
    return httpx.AsyncClient(transport=transport, base_url="http://api", event_hooks=hooks)


def _checked(described: dict[str, Any]) -> Hook:
    patterns = {
        re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))): operations
        for path, operations in described["paths"].items()
    }

    async def check(answer: httpx.Response) -> None:
        request = answer.request
        for pattern, operations in patterns.items():
            operation = operations.get(request.method.lower())
            if operation is not None and pattern.fullmatch(request.url.path):
                form = answer.headers["content-type"].partition(";")[0]
                declared = operation["responses"].get(str(answer.status_code), {"content": {}})
                sent = f"{request.method} {request.url.path}: {answer.status_code} {form}"
                assert form in declared["content"], f"not declared: {sent}"
                return

    return check
