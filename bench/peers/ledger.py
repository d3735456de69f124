"""The side ledger: three participants behind one address, and what a case makes go wrong there.

A participant keeps one row a key (saga and action) in SQLite, on disk before it answers, and
answers a key that it knows from its row: what anybody who writes a participant does. With `fence`
an undo that comes first also bars the action that it undoes. Knows no engine: whoever is to be
killed is told by a callback.
"""

import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from peers.steps import DO, Action

OK: Final = 200
REFUSED: Final = 409
UNWELL: Final = 503
FOR_EVER: Final = 1_000_000
SHUTDOWN_SECONDS: Final = 0.05


class Kind(Enum):
    """What goes wrong at a call."""

    REFUSE = auto()
    """A definite no, stored."""
    FAIL = auto()
    """An error, and nothing done."""
    LOSE = auto()
    """Done, and the connection closed without an answer."""
    LATE = auto()
    """Done only after `seconds`, when the caller has long stopped waiting."""
    KILL_BEFORE = auto()
    """The caller is killed -9 before anything is done."""
    KILL_AFTER = auto()
    """The caller is killed -9 when it is done, before the answer."""
    KILL_ALL_AFTER = auto()
    """The same, and the engine's store or server too."""
    STORE_AFTER = auto()
    """The engine's store or server alone is killed -9, and started again."""
    STOP_AFTER = auto()
    """The caller is asked to stop in order (SIGTERM), and started again."""
    CANCEL = auto()
    """Somebody cancels the saga while the call is in hand; done all the same, after `seconds`."""


BEFORE: Final = (Kind.KILL_BEFORE, Kind.CANCEL)
"""What happens to others before anything is done."""

AFTER: Final = (Kind.KILL_AFTER, Kind.KILL_ALL_AFTER, Kind.STORE_AFTER, Kind.STOP_AFTER)
"""What happens to others when it is done."""

UNANSWERED: Final = (Kind.LOSE, Kind.KILL_AFTER, Kind.KILL_ALL_AFTER)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the next `times` calls of one action."""

    at: Action
    kind: Kind
    times: int = 1
    seconds: float = 0.0


React = Callable[[Kind, str], None]
"""Told what is to happen to whom, in the thread of the call; returns when it has."""


class Ledger:
    """The participants of one run."""

    def __init__(self, file: Path, react: React, *, fence: bool = False) -> None:
        self._react, self._fence = react, fence
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS effects (number INTEGER PRIMARY KEY, saga TEXT NOT NULL,"
            " action TEXT NOT NULL, done INTEGER NOT NULL, at REAL NOT NULL, UNIQUE (saga, action))"
        )
        self._guard = threading.Lock()
        self._keys: defaultdict[tuple[str, Action], threading.Lock] = defaultdict(threading.Lock)
        self._faults: dict[tuple[str, Action], list[Fault]] = defaultdict(list)
        self._calls: dict[str, list[Action]] = defaultdict(list)
        self._happened: dict[str, set[Kind]] = defaultdict(set)
        self._server = _server(self)
        threading.Thread(
            target=self._server.serve_forever, args=(SHUTDOWN_SECONDS,), daemon=True
        ).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._database.close()

    def arm(self, saga: str, faults: Iterable[Fault]) -> None:
        """From now on these go wrong, those of one action one after the other."""
        with self._guard:
            for fault in faults:
                self._faults[saga, fault.at].append(fault)

    def mend(self, saga: str) -> None:
        """Nothing goes wrong any more."""
        with self._guard:
            for action in Action:
                self._faults.pop((saga, action), None)

    def effects(self, saga: str) -> list[Action]:
        """What was done, in its order."""
        query = "SELECT action FROM effects WHERE saga = ? AND done = 1 ORDER BY number"
        with self._guard:
            return [Action(row[0]) for row in self._database.execute(query, (saga,))]

    def calls(self, saga: str) -> list[Action]:
        """What was asked for, in its order, again and again where it was."""
        with self._guard:
            return list(self._calls[saga])

    def happened(self, saga: str) -> set[Kind]:
        """Which faults came about."""
        with self._guard:
            return set(self._happened[saga])

    # ------------------------------------------------------------ one call

    def answer(self, action: Action, saga: str) -> int | None:
        """The status to answer with; None: close the connection without a word."""
        with self._guard:
            self._calls[saga].append(action)
            lock = self._keys[saga, action]
        with lock:  # of two calls with one key the second waits for what the first comes to
            stored = self._stored(action, saga)
            if stored is not None:
                return stored
            return self._first(action, saga, self._next_fault(action, saga))

    def _stored(self, action: Action, saga: str) -> int | None:
        query = "SELECT done FROM effects WHERE saga = ? AND action = ?"
        with self._guard:
            row = self._database.execute(query, (saga, action.value)).fetchone()
        return None if row is None else OK if row[0] else REFUSED

    def _next_fault(self, action: Action, saga: str) -> Fault | None:
        with self._guard:
            waiting = self._faults[saga, action]
            if not waiting:
                return None
            fault = waiting.pop(0)
            self._happened[saga].add(fault.kind)
            if fault.times > 1:
                waiting.insert(0, replace(fault, times=fault.times - 1))
            return fault

    def _first(self, action: Action, saga: str, fault: Fault | None) -> int | None:
        """A call whose key is not known."""
        kind = fault.kind if fault else None
        if kind is Kind.REFUSE:
            return self._store(action, saga, done=False)
        if kind is Kind.FAIL:
            return UNWELL
        if kind in BEFORE:
            self._react(kind, saga)
        if kind is Kind.KILL_BEFORE:
            return None
        if fault is not None:
            time.sleep(fault.seconds)
        status = self._do(action, saga)
        if kind in AFTER:
            self._react(kind, saga)
        return None if kind in UNANSWERED else status

    def _do(self, action: Action, saga: str) -> int:
        """Move money, stock or a courier; an undo of what was not done has nothing to move."""
        if action not in DO or self._stored(DO[action], saga) == OK:
            return self._store(action, saga, done=True)
        if self._fence:
            self._store(DO[action], saga, done=False)
        return OK

    def _store(self, action: Action, saga: str, *, done: bool) -> int:
        query = "INSERT OR IGNORE INTO effects (saga, action, done, at) VALUES (?, ?, ?, ?)"
        with self._guard:
            self._database.execute(query, (saga, action.value, done, time.time()))
        return OK if done else REFUSED


def _server(ledger: Ledger) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            _, action, saga = self.path.split("/")
            status = ledger.answer(Action(action), saga)
            self.close_connection = True
            if status is not None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing: the rows are the record."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)
