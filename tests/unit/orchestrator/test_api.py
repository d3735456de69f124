"""The API's bounds, said as problems that name the field. No question here reaches a database."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

import declared
from orchestrator.api import IDS_MAX, SagaView, create_app
from orchestrator.domain import REFERENCE_NAMES
from orchestrator.ends import Ends
from sagakit.shell.paging import PAGE_MAX


class Away:
    """A pool whose database is away."""

    def acquire(self) -> Any:
        raise ConnectionRefusedError


@pytest.fixture
def client() -> httpx.AsyncClient:
    return declared.client(create_app(Away(), Ends(), SecretStr("t")))  # type: ignore[arg-type]


def test_a_saga_is_shown_with_the_id_of_each_step() -> None:
    unseen = set(REFERENCE_NAMES.values()) - set(SagaView.model_fields)
    assert not unseen, f"add {unseen} to SagaView in orchestrator/api.py, and to db/orchestrator"


@pytest.mark.parametrize(
    ("field", "query"),
    [
        ("limit", {"limit": PAGE_MAX + 1}),
        ("limit", {"limit": 0}),
        ("status", {"status": "OPEN"}),
        ("step", {"step": "AWAITING_TEA"}),
        ("cursor", {"cursor": "not one of ours"}),
        ("cursor", {"cursor": "MjAyNg=="}),
    ],
)
async def test_a_page_out_of_bounds(
    client: httpx.AsyncClient, field: str, query: dict[str, Any]
) -> None:
    _is_problem(await client.get("/sagas", params=query), 422, field)


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("ids", {"ids": ["a"] * (IDS_MAX + 1)}),
        ("ids.0", {"ids": ["a b"]}),
        ("ids", {}),
        ("wait_seconds", {"ids": [], "wait_seconds": 1.1}),
    ],
)
async def test_a_question_out_of_bounds(
    client: httpx.AsyncClient, field: str, body: dict[str, Any]
) -> None:
    _is_problem(await client.post("/sagas/query", json=body), 422, field)


async def test_a_database_that_is_away_is_said_so(client: httpx.AsyncClient) -> None:
    answer = await client.get("/sagas/a")
    _is_problem(answer, 503)
    assert answer.headers["retry-after"] == "1"


async def test_no_ids_need_no_database(client: httpx.AsyncClient) -> None:
    assert (await client.post("/sagas/query", json={"ids": []})).json() == {"sagas": []}


def _is_problem(answer: httpx.Response, status: int, field: str | None = None) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    if field is not None:
        assert [error["field"] for error in answer.json()["errors"]] == [field]
