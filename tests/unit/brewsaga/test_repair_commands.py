"""What the repair commands ask, print and exit with; services answer from a table."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from brewsaga.__main__ import main
from brewsaga.errors import Exit
from brewsaga.stack.ports import free_ports
from saga.contract import DATABASES

SAGA = "11111111-2222-4333-8444-555555555555"
WHY = ("--why", "the bank is back")


def case(subject: str, *, changed: bool = True, note: str = "") -> dict[str, Any]:
    before = {"parked": True, "attempts": 10}
    after = {**before, "parked": False} if changed else None
    mode = {"mode": "choreography", "step": "refund", "saga_id": subject}
    return {"subject": subject, **mode, "before": before, "after": after, "note": note}


class Services:
    """Every service at one address: what each was asked, and the pages that each answers."""

    def __init__(self, pages: dict[str, list[list[dict[str, Any]]]]) -> None:
        self.pages = pages
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def answer(self, service: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((service, body))
        left = self.pages.get(service, [])
        cases = left.pop(0) if left else []
        following = cases[-1]["subject"] if left else None
        return {"cases": cases, "next_after": following}


@contextmanager
def listening(services: Services, monkeypatch: pytest.MonkeyPatch, *away: str) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = json.dumps(services.answer(self.path.split("/")[1], body)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    (nobody,) = free_ports(1)
    for service in DATABASES:
        port = nobody if service in away else server.server_address[1]
        monkeypatch.setenv(f"{service.upper()}_URL", f"http://127.0.0.1:{port}/{service}")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def typed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["brewsaga", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_a_service_that_is_away_keeps_no_other_from_being_repaired(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    services = Services({"payment": [[case("a"), case("b")], [case("c")]]})
    with listening(services, monkeypatch, "orchestrator"):
        assert typed(monkeypatch, "retry", "--state", "parked", *WHY) == Exit.ERROR
    said = capsys.readouterr()
    assert "retry payment choreography: 3 changed" in said.out
    assert "orchestrator at" in said.err
    assert said.err.splitlines()[-1].startswith("next: ")
    bodies = [body for service, body in services.asked if service == "payment"]
    assert [body["after"] for body in bodies] == ["", "b"]
    assert {body["repair_id"] for _, body in services.asked} == {bodies[0]["repair_id"]}
    assert all(body["state"] == "parked" for body in bodies)


def test_a_command_whose_answer_was_lost_says_how_the_trail_calls_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening(Services({}), monkeypatch, "orchestrator"):
        assert typed(monkeypatch, "retry", "--all", *WHY) == Exit.ERROR
    assert "repair " in capsys.readouterr().out


def test_what_one_has_changed_the_others_need_not_speak_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = [[case(SAGA, changed=False, note="nothing is owed")]]
    services = Services({"orchestrator": [[case(SAGA)]], "payment": nothing})
    with listening(services, monkeypatch):
        assert typed(monkeypatch, "retry", SAGA, *WHY, "--who", "ada") == Exit.COMPLETED
    assert "nothing is owed" not in capsys.readouterr().out
    assert all(body["ids"] == [SAGA] and body["who"] == "ada" for _, body in services.asked)


def test_an_id_that_nobody_knows_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(Services({}), monkeypatch):
        assert typed(monkeypatch, "retry", "nobody", *WHY) == Exit.NOT_FOUND
        assert typed(monkeypatch, "retry", "--all", *WHY) == Exit.COMPLETED


def test_a_saga_is_cancelled_where_it_was_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    services = Services({"order": [[case("a")]], "orchestrator": [[case("b")]]})
    with listening(services, monkeypatch):
        assert typed(monkeypatch, "cancel", "a", "b", *WHY) == Exit.COMPLETED
    assert [(name, body["ids"]) for name, body in services.asked] == [
        ("order", ["a", "b"]),
        ("orchestrator", ["b"]),
    ]


def test_a_letter_is_asked_for_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    services = Services({})
    with listening(services, monkeypatch):
        typed(monkeypatch, "redrive", "payment:17", "order:3", "payment:18", "--dry-run")
    assert {name: body["ids"] for name, body in services.asked} == {
        "payment": ["17", "18"],
        "order": ["3"],
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("retry", *WHY),
        ("retry", "--all"),
        ("retry", SAGA, "--step", "refund", *WHY),
        ("retry", SAGA, "--all", *WHY),
        ("retry", "--all", "--service", "shipment", *WHY),
        ("redrive", "17", *WHY),
        ("redrive", "bank:17", *WHY),
    ],
)
def test_what_is_not_clear_is_a_usage_error_and_asks_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    services = Services({})
    with listening(services, monkeypatch):
        assert typed(monkeypatch, *arguments) == Exit.USAGE
    assert not services.asked
    assert "next: brewsaga " in capsys.readouterr().err
