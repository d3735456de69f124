"""The token at both ends: services that cannot read it do not start, the command line sends it."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest

from brewsaga import api_client
from brewsaga.api_client import order_api
from brewsaga.errors import CommandError

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("service", ["order", "orchestrator", "payment"])
def test_a_service_without_its_token_file_does_not_start(service: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("\n")
    environment = {**os.environ, "API_TOKEN_FILE": str(path)}
    environment["PYTHONPATH"] = str(ROOT / "services")
    command = [sys.executable, "-m", service]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 2
    said = ended.stdout + ended.stderr
    assert f"API_TOKEN_FILE is '{path}': the file is empty" in said
    assert "Traceback" not in said


class Service:
    """Notes what it is sent, and refuses what changes something without the token."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.requests: list[httpx.Request] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.method == "POST" and request.headers.get("authorization") != self.token:
            return httpx.Response(401, json={"title": "A token is needed", "detail": "send it"})
        return httpx.Response(200, json={"saga_id": "s-1"})


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    found = Service("Bearer of-the-house")
    transport = httpx.MockTransport(found.answer)
    client = partial(httpx.AsyncClient, transport=transport)
    monkeypatch.setattr(api_client.httpx, "AsyncClient", client)
    return found


async def test_the_token_goes_with_a_change_and_with_nothing_else(
    service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text("of-the-house\n")
    async with order_api("http://order", str(path)) as api:
        await api.place({"mode": "orch"}, "key")
        await api.saga("s-1")
    carried = ["authorization" in request.headers for request in service.requests]
    assert carried == [True, False]


async def test_a_missing_token_says_how_to_give_it(service: Service) -> None:
    async with order_api("http://order") as api:
        with pytest.raises(CommandError) as caught:
            await api.place({"mode": "orch"}, "key")
    assert "--token-file" in caught.value.next_step


async def test_a_token_file_that_is_missing_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="API_TOKEN_FILE"):
        async with order_api("http://order", str(tmp_path / "none")):
            pass
