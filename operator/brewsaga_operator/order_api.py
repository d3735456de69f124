"""The order service as the operator asks it. Knows HTTP and the words of its answers, no rule."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx
from pydantic import SecretStr

TIMEOUT_SECONDS: Final = 5.0
NOT_FOUND: Final = 404
UNAUTHORIZED: Final = 401
TOO_MANY: Final = 429
OPEN_PAGE: Final = 200


class Away(Exception):  # noqa: N818 - named for what is found
    """The service does not answer, or cannot at the moment; the text says how."""


class Refused(Exception):  # noqa: N818 - named for what is found
    """The service will never take this request; the text is its sentence."""


class OrderApi:
    """A thin client; the caller owns the HTTP client and closes it."""

    def __init__(self, http: httpx.AsyncClient, token: SecretStr | None = None) -> None:
        self._http = http
        self._token = token

    async def place(self, uid: str, batch: dict[str, Any]) -> None:
        """Put a batch: once or many times is the same. Raises Refused or Away."""
        body = {name: value for name, value in batch.items() if value is not None}
        await self._call("PUT", f"/batches/{quote(uid)}", json=body)

    async def progress(self, uid: str) -> dict[str, Any] | None:
        """How far a batch is; None where it was not put. Raises Away."""
        return await self._call("GET", f"/batches/{quote(uid)}/progress")

    async def cancel(self, uid: str) -> None:
        """Ask every open order of a batch to end. Raises Away."""
        await self._call("POST", f"/batches/{quote(uid)}/cancel")

    async def open_before(self, moment: datetime) -> list[str]:
        """Orders placed before a moment that have no end, oldest pages last. Raises Away."""
        found: list[str] = []
        cursor: str | None = None
        while True:
            query = {"status": "RUNNING", "limit": str(OPEN_PAGE)}
            answer = await self._call(
                "GET", "/sagas", params=query | ({"cursor": cursor} if cursor else {})
            )
            assert answer is not None
            found += [
                one["saga_id"]
                for one in answer["sagas"]
                if datetime.fromisoformat(one["created_at"]) <= moment
            ]
            cursor = answer["next_cursor"]
            if cursor is None or found:
                return found

    async def _call(self, method: str, path: str, **more: Any) -> dict[str, Any] | None:
        headers = {}
        if self._token is not None and method != "GET":
            headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        try:
            answer = await self._http.request(method, path, headers=headers, **more)
        except httpx.HTTPError as error:
            text = f"the order service does not answer ({str(error) or type(error).__name__})"
            raise Away(text) from error
        if answer.is_success:
            found: dict[str, Any] = answer.json()
            return found
        if answer.status_code == NOT_FOUND and method == "GET":
            return None
        text = _problem(answer)
        if answer.status_code in {UNAUTHORIZED, TOO_MANY} or not answer.is_client_error:
            raise Away(f"the order service cannot now: {text}")
        raise Refused(text)


def _problem(answer: httpx.Response) -> str:
    try:
        said = answer.json().get("detail")
    except (ValueError, AttributeError):
        said = None
    return str(said or f"{answer.status_code} {answer.text[:200]}")
