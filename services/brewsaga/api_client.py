"""The HTTP APIs of the services, as the command line uses them: where they are, and order's words.

Knows addresses and JSON, no database and no topic. What is stuck is `repair_client`'s.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from pydantic import SecretStr

from brewsaga.errors import CommandError, Exit
from sagakit.shell.token_file import TokenFileError, read_token

ORDER_URL: Final = "http://127.0.0.1:8081"
ORCHESTRATOR_URL: Final = "http://127.0.0.1:8082"
URLS: Final = {
    "order": ORDER_URL,
    "orchestrator": ORCHESTRATOR_URL,
    "payment": "http://127.0.0.1:8083",
    "inventory": "http://127.0.0.1:8084",
    "shipment": "http://127.0.0.1:8085",
}
"""Each service's API on this machine, unless SERVICE_URL says another."""
TIMEOUT_SECONDS: Final = 10.0
PAGE_SIZE: Final = 200

Json = dict[str, Any]


def api_urls() -> dict[str, str]:
    """The APIs by service: ORDER_URL, PAYMENT_URL, …, else the ports of this machine."""
    return {name: os.environ.get(f"{name.upper()}_URL") or url for name, url in URLS.items()}


@dataclass(frozen=True, slots=True)
class Server:
    """Who is asked, and what to try where it does not answer."""

    name: str
    how_to_start: str


ORDER: Final = Server("order service", "brewsaga up (or make run-order-choreo), or set ORDER_URL")
ORCHESTRATOR: Final = Server(
    "orchestrator", "brewsaga up (or make run-orchestrator), or set ORCHESTRATOR_URL"
)


class Api:
    """One connection to a service. Every error says what to try next.

    `token` goes with what changes something, and with nothing else. `command` is what to look up
    where the service refuses.
    """

    command = "place"

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        server: Server = ORDER,
        token: SecretStr | None = None,
    ) -> None:
        self._client = client
        self._url = url
        self._server = server
        self._token = token

    async def call(self, method: str, path: str, **arguments: Any) -> Json:
        """Ask, and raise CommandError for whatever is no answer."""
        try:
            response = await self._client.request(method, self._url + path, **arguments)
        except httpx.TransportError as error:
            text = f"the {self._server.name} at {self._url} does not answer"
            detail = f"{text} ({type(error).__name__})"
            raise CommandError(detail, self._server.how_to_start) from error
        if response.status_code == httpx.codes.NOT_FOUND:
            raise CommandError(_problem(response), "brewsaga list", Exit.NOT_FOUND)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise CommandError(_problem(response), f"brewsaga {self.command} --token-file FILE")
        if response.is_client_error:
            raise CommandError(_problem(response), f"brewsaga {self.command} --help")
        if response.is_server_error:
            raise CommandError(_problem(response), "brewsaga doctor")
        answer: Json = response.json()
        return answer

    def authorized(self) -> dict[str, str]:
        """The header of what changes something."""
        if self._token is None:
            return {}
        return {"Authorization": f"Bearer {self._token.get_secret_value()}"}


class OrderApi(Api):
    """Order, or the orchestrator, which answers the same questions on sagas."""

    async def place(self, order: Mapping[str, Any], key: str) -> Json:
        """Accept one order; the same key again gives the same saga."""
        headers = {"Idempotency-Key": key, **self.authorized()}
        return await self.call("POST", "/sagas", json=dict(order), headers=headers)

    async def intake(self) -> list[Json]:
        """Both modes: whether new orders are taken, and how many are open."""
        answer = await self.call("GET", "/intake")
        found: list[Json] = answer["modes"]
        return found

    async def put_intake(self, mode: str, wanted: Mapping[str, Any]) -> Json:
        """Pause or resume one mode; how it then stands."""
        headers = self.authorized()
        return await self.call("PUT", f"/intake/{mode}", json=dict(wanted), headers=headers)

    async def saga(self, saga_id: str) -> Json:
        """One saga as order knows it."""
        return await self.call("GET", f"/sagas/{saga_id}")

    async def timeline(self, saga_id: str) -> Json:
        """Everything that was heard of one saga."""
        return await self.call("GET", f"/sagas/{saga_id}/timeline")

    async def overview(self) -> Json:
        """Where the orders of both modes are, and how the youngest have ended."""
        return await self.call("GET", "/", headers={"Accept": "application/json"})

    async def page(self, **query: str | int | None) -> tuple[list[Json], str | None]:
        """One page of sagas and the cursor of the next one, None at the end."""
        given = {name: value for name, value in query.items() if value is not None}
        answer = await self.call("GET", "/sagas", params=given)
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


def read_given_token(path: str | None, command: str = "place") -> SecretStr | None:
    """The token in the file that the person named. Raises CommandError."""
    try:
        return read_token(path or None)
    except TokenFileError as error:
        raise CommandError(str(error), f"brewsaga {command} --token-file FILE") from error


@asynccontextmanager
async def order_api(
    url: str, token_file: str | None = None, server: Server = ORDER
) -> AsyncIterator[OrderApi]:
    """Open the API at `url`. Proxies of the environment are not for addresses of this machine."""
    token = read_given_token(token_file)
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        yield OrderApi(client, url.rstrip("/"), server, token)
