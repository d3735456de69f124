"""Dashboards are put into a Grafana of somebody's, and what is wrong is said with the next step."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from brewsaga import dashboards
from brewsaga.dashboards.push import TOKEN_VARIABLE, URL_VARIABLE, push
from brewsaga.errors import CommandError, Exit

TOKEN = "glsa_right"


class Grafana(BaseHTTPRequestHandler):
    """As much of Grafana's API as is used, by its documentation."""

    kept: dict[str, dict[str, Any]]
    is_one = True

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer(401, {"message": "Unauthorized"})
        if self.path != "/api/dashboards/db" or not self.is_one:
            return self.answer(200, {"hello": "world"})
        board = body["dashboard"]
        if board["uid"] in self.kept and not body["overwrite"]:
            return self.answer(412, {"status": "name-exists"})
        self.kept[board["uid"]] = board
        return self.answer(200, {"status": "success", "url": f"/d/{board['uid']}/x"})

    def answer(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def grafana() -> Iterator[tuple[str, type[Grafana]]]:
    kind = type("One", (Grafana,), {"kept": {}})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", kind
    server.shutdown()
    thread.join()
    server.server_close()


def told(url: str, token: str = TOKEN) -> dict[str, str]:
    return {URL_VARIABLE: url, TOKEN_VARIABLE: token}


def test_all_are_put_and_put_again(grafana: tuple[str, type[Grafana]]) -> None:
    url, kind = grafana
    boards = dashboards.boards()
    first = push(boards, told(url + "/"))
    assert push(boards, told(url)) == first
    assert first[0] == f"{url}/d/brewsaga-sagas/x"
    assert list(kind.kept) == [board["uid"] for board in boards]
    assert all(board["id"] is None for board in kind.kept.values())


@pytest.mark.parametrize(
    ("environment", "named", "code"),
    [
        ({}, URL_VARIABLE, Exit.USAGE),
        ({URL_VARIABLE: "grafana:3000"}, URL_VARIABLE, Exit.USAGE),
        ({URL_VARIABLE: "http://127.0.0.1:1"}, TOKEN_VARIABLE, Exit.USAGE),
        (told("http://127.0.0.1:1"), "does not answer", Exit.ERROR),
    ],
)
def test_what_is_missing_is_named(environment: dict[str, str], named: str, code: Exit) -> None:
    with pytest.raises(CommandError, match=named) as raised:
        push(dashboards.boards(), environment)
    assert raised.value.code is code
    assert raised.value.next_step


def test_a_token_that_may_not_write_is_named(grafana: tuple[str, type[Grafana]]) -> None:
    with pytest.raises(CommandError, match="refuses the token"):
        push(dashboards.boards(), told(grafana[0], "glsa_wrong"))


def test_what_is_no_grafana_is_said_to_be_none(grafana: tuple[str, type[Grafana]]) -> None:
    url, kind = grafana
    kind.is_one = False
    with pytest.raises(CommandError, match="no Grafana"):
        push(dashboards.boards(), told(url))
