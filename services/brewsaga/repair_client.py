"""The repair verbs of every service's API, as the command line uses them.

Knows which service has which verb, and their pages. No database and no topic.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from brewsaga.api_client import Api, Json, Server, api_urls, read_given_token
from saga.contract import DATABASES, STEPS, UNDO_NAMES
from sagakit.core.repair import Verb

ANSWER_SECONDS: Final = 30.0
PAGE_CASES: Final = 500
PAGE_LETTERS: Final = 100
"""A dead letter is a transaction of its own, so a page of them is smaller."""

PARKING: Final = (
    "orchestrator",
    *dict.fromkeys(word.owed_by for word in STEPS if word.name in UNDO_NAMES),
)
"""Who has undos that wait."""

SERVICES_BY_VERB: Final[Mapping[Verb, tuple[str, ...]]] = {
    Verb.RETRY: PARKING,
    Verb.REDRIVE: tuple(DATABASES),
    Verb.CANCEL: ("order", "orchestrator"),
    Verb.RESEND: ("order", "orchestrator"),
}


class RepairApi(Api):
    """What is stuck in one service, and what to do about it."""

    def __init__(self, service: str, verb: str, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.service = service
        self.command = verb

    async def repairs(self, body: Json) -> AsyncIterator[Json]:
        """Carry out a verb page by page; each page that is answered is done."""
        after: str | None = ""
        while after is not None:
            answer = await self.call(
                "POST", "/repairs", json={**body, "after": after}, headers=self.authorized()
            )
            yield answer
            after = answer["next_after"]

    async def listed(
        self, path: str, rows: str, limit: int, place: str = "after", **query: Any
    ) -> list[Json]:
        """The first `limit` rows of a list of pages."""
        found: list[Json] = []
        given = {name: value for name, value in query.items() if value}
        while len(found) < limit:
            given["limit"] = min(limit - len(found), PAGE_CASES)
            answer = await self.call("GET", path, params=given)
            found += answer[rows]
            following = answer[f"next_{place}"]
            if following is None:
                break
            given[place] = following
        return found


@asynccontextmanager
async def repair_apis(
    services: Sequence[str], verb: str, token_file: str = ""
) -> AsyncIterator[list[RepairApi]]:
    """Open the APIs of these services, at the addresses that the environment says."""
    token, urls = read_given_token(token_file, verb), api_urls()
    async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
        yield [
            RepairApi(service, verb, client, urls[service].rstrip("/"), _server(service), token)
            for service in services
        ]


def _server(service: str) -> Server:
    variable = f"{service.upper()}_URL"
    return Server(service, f"start it (brewsaga up), or set {variable}; then the same again")
