"""Every exit code of the README once, and that an error's last line is what to try next.

A small HTTP server answers as order does; the command line is run as it is, arguments to exit.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from brewsaga.__main__ import main
from brewsaga.errors import Exit
from brewsaga.stack.ports import free_ports

SERVICES = Path(__file__).resolve().parents[3] / "services"
SAGA = "11111111-2222-4333-8444-555555555555"
PLACE = ("place", "--wait", "--timeout", "0.1")
STANDING: dict[str, Any] = {
    "saga_id": SAGA,
    "mode": "choreography",
    "customer_id": "alice",
    "amount_cents": 300,
    "currency": "EUR",
    "status": "RUNNING",
    "outcome": None,
    "failure_reason": "",
    "parked": False,
}
REFUSED = {"failure_reason": "no courier capacity"}


@contextmanager
def order_answers(**standing: Any) -> Iterator[str]:
    """An order service that knows one saga, which stands so; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == f"/sagas/{SAGA}"
            self._answer(200 if known else 404, {**STANDING, **standing} if known else PROBLEM)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(202, {"saga_id": SAGA})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """The test reads stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


PROBLEM = {"title": "Not found", "detail": "saga is not known here"}


def code_of(monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str], url: str) -> int:
    monkeypatch.setattr(sys, "argv", ["brewsaga", *arguments])
    monkeypatch.setenv("ORDER_URL", url)
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("standing", "code"),
    [
        ({"status": "SUCCESS", "outcome": "completed"}, Exit.COMPLETED),
        ({"status": "FAILED", "outcome": "rejected", **REFUSED}, Exit.ENDED_OTHERWISE),
        ({"status": "FAILED", "outcome": "compensated", **REFUSED}, Exit.ENDED_OTHERWISE),
        ({"parked": True}, Exit.NEEDS_A_PERSON),
        ({}, Exit.TIMED_OUT),
    ],
)
def test_an_end_that_was_waited_for_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, standing: dict[str, Any], code: Exit
) -> None:
    with order_answers(**standing) as url:
        assert code_of(monkeypatch, PLACE, url) == code


def test_a_saga_that_nobody_knows_is_not_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with order_answers() as url:
        assert code_of(monkeypatch, ("show", "another"), url) == Exit.NOT_FOUND
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1] == "next: brewsaga list"


@pytest.mark.parametrize(
    ("arguments", "next_step"),
    [(("list",), "make run-order-choreo"), (("saga-list", "--url"), "make run-orchestrator")],
)
def test_a_service_that_does_not_answer_is_named_with_what_starts_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    next_step: str,
) -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    given = (*arguments, url) if arguments[-1] == "--url" else arguments
    assert code_of(monkeypatch, given, url) == Exit.ERROR
    assert next_step in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("place", "--mode", "both-of-them"),
        ("place", "--count", "0"),
        ("show",),
        ("run", "barista"),
        ("frobnicate",),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    assert code_of(monkeypatch, arguments, "http://127.0.0.1:1") == Exit.USAGE


def test_a_service_that_cannot_be_what_it_is_told_says_so_in_one_line() -> None:
    told = {**os.environ, "PYTHONPATH": str(SERVICES), "PAYMENT_FAIL_RATE": "2"}
    command = [sys.executable, "-m", "payment"]
    ended = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    assert ended.returncode == Exit.USAGE
    assert ended.stderr == "error: PAYMENT_FAIL_RATE: Input should be less than or equal to 1\n"
