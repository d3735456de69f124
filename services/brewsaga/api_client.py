"""The order service's HTTP API, as the command line uses it.

Knows addresses and JSON, no database and no topic.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
from pydantic import SecretStr

from brewsaga.errors import CommandError, Exit
from sagakit.shell.api_token import TokenFileError, read_token

DEFAULT_ORDER_URL: Final = "http://127.0.0.1:8081"
TIMEOUT_SECONDS: Final = 10.0
PAGE_SIZE: Final = 200

Json = dict[str, Any]


class OrderApi:
    """One connection to the order service. Every error says what to try next.

    `token` goes with what changes something, and with nothing else.
    """

    def __init__(self, client: httpx.AsyncClient, url: str, token: SecretStr | None = None) -> None:
        self._client = client
        self._url = url
        self._token = token

    async def place(self, order: Mapping[str, Any], key: str) -> Json:
        """Accept one order; the same key again gives the same saga."""
        headers = {"Idempotency-Key": key}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return await self._call("POST", "/sagas", json=dict(order), headers=headers)

    async def saga(self, saga_id: str) -> Json:
        """One saga as order knows it."""
        return await self._call("GET", f"/sagas/{saga_id}")

    async def timeline(self, saga_id: str) -> Json:
        """Everything that was heard of one saga."""
        return await self._call("GET", f"/sagas/{saga_id}/timeline")

    async def page(self, **query: str | int | None) -> tuple[list[Json], str | None]:
        """One page of sagas and the cursor of the next one, None at the end."""
        given = {name: value for name, value in query.items() if value is not None}
        answer = await self._call("GET", "/sagas", params=given)
        return answer["sagas"], answer.get("next_cursor")

    async def sagas(self, limit: int, **query: str | int | None) -> AsyncIterator[Json]:
        """Sagas of a query, newest first, at most `limit`."""
        cursor: str | None = None
        left = limit
        while left > 0:
            found, cursor = await self.page(limit=min(left, PAGE_SIZE), cursor=cursor, **query)
            for saga in found:
                yield saga
            left -= len(found)
            if cursor is None or not found:
                return

    async def _call(self, method: str, path: str, **arguments: Any) -> Json:
        try:
            response = await self._client.request(method, self._url + path, **arguments)
        except httpx.TransportError as error:
            text = f"the order service at {self._url} does not answer ({type(error).__name__})"
            hint = "brewsaga up (or make run-order-choreo), or set ORDER_URL"
            raise CommandError(text, hint) from error
        if response.status_code == httpx.codes.NOT_FOUND:
            raise CommandError(_problem(response), "brewsaga list", Exit.NOT_FOUND)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise CommandError(_problem(response), "brewsaga place --token-file FILE")
        if response.is_client_error:
            raise CommandError(_problem(response), "brewsaga place --help")
        if response.is_server_error:
            raise CommandError(_problem(response), "brewsaga doctor")
        answer: Json = response.json()
        return answer


def _problem(response: httpx.Response) -> str:
    """The text of a problem+json answer, or what there is."""
    try:
        body = response.json()
    except ValueError:
        return f"HTTP {response.status_code}: {response.text[:200]}"
    if not isinstance(body, dict):
        return f"HTTP {response.status_code}: {body}"
    parts = [str(body[name]) for name in ("title", "detail") if body.get(name)]
    return ": ".join(parts) or f"HTTP {response.status_code}"


@asynccontextmanager
async def order_api(url: str, token_file: str | None = None) -> AsyncIterator[OrderApi]:
    """Open the API at `url`. Proxies of the environment are not for addresses of this machine."""
    try:
        token = read_token(token_file or None)
    except TokenFileError as error:
        raise CommandError(str(error), "brewsaga place --token-file FILE") from error
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        yield OrderApi(client, url.rstrip("/"), token)
