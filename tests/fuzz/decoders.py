"""Every decoder: what comes from outside is read, or is refused by the declared error, and nothing
else. What was read can be stored.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from unittest.mock import patch

from fastapi.exceptions import RequestValidationError
from hypothesis import strategies as st
from pydantic import ValidationError

import orchestrator.wire
import order.wire
from fuzz import values
from fuzz.target import Target
from inventory.settings import InventorySettings
from orchestrator.api import Question
from orchestrator.settings import OrchestratorSettings
from order.api_intake import IntakeRequest
from order.batches import _check as check_batch
from order.bodies import BatchRequest, SagaRequest, read_since
from order.orchestrator_client import _report
from order.placing import Unacceptable, terms_of
from order.settings import OrderSettings
from payment.settings import PaymentSettings
from saga import contract
from saga.contract import SAGA_ID_PATTERN, Mode
from saga.v1 import saga_pb2
from sagakit.core.chance import DELAY_SECONDS_MAX, parse_faults
from sagakit.core.deadletters import Poison
from sagakit.shell import outbox
from sagakit.shell.headers import LENGTH_MAX, MESSAGE_ID, header
from sagakit.shell.paging import read_cursor, write_cursor
from sagakit.shell.ports import Outgoing, Record
from sagakit.shell.settings import KitSettings, Misconfigured, masked, read, told
from shipment.settings import ShipmentSettings
from unit.participant_world import WIRES, World

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS: Final = {
    "payment": PaymentSettings,
    "inventory": InventorySettings,
    "shipment": ShipmentSettings,
    "order": OrderSettings,
    "orchestrator": OrchestratorSettings,
}


def _check_storable(*found: Any) -> None:
    """Postgres refuses NUL in a text, and UTF-8 half a character."""
    for one in found:
        if isinstance(one, str):
            assert "\0" not in one
            one.encode()
        elif isinstance(one, tuple):
            _check_storable(*one)


# ---------------------------------------------------------------- messages


def _readers() -> Iterator[tuple[str, contract.Topic, Callable[[str, bytes], Any]]]:
    """Each service's own reader of each topic that it hears."""
    for topic in contract.TOPICS:
        for service in topic.heard_by:
            if service == "order":
                yield service, topic, lambda name, value: order.wire.decode(_record(name, value))
            elif service == "orchestrator":
                yield service, topic, orchestrator.wire.read
            else:
                yield service, topic, WIRES[service](World(service).odds).read


def _record(topic: str, value: bytes) -> Record:
    return Record(topic, 0, 0, None, value)


def _message_target(
    service: str, topic: contract.Topic, decode: Callable[[str, bytes], Any]
) -> Target:
    def check(value: bytes, seen: Counter[str]) -> None:
        try:
            heard = decode(topic.name, value)
        except Poison as poison:
            _check_storable(poison.detail)
            seen[poison.reason.value] += 1
            return
        assert SAGA_ID_PATTERN.fullmatch(heard.saga_id)
        _check_storable(*heard)
        seen["read"] += 1

    kind = getattr(saga_pb2, topic.message)
    must_see = ("read", "undecodable", "bad_saga_id")
    return Target(f"{service} reads {topic.name}", values.mangled(kind), check, must_see)


def _check_headers(headers: Any, seen: Counter[str]) -> None:
    message_id = header(lambda: headers, MESSAGE_ID)
    said = Outgoing("orch.place-order", "saga-1", "PlaceOrder", b"", message_id or None)
    (row,) = outbox.rows_of([said], "saga-")
    _check_storable(row.key, row.causation_id)
    assert len(message_id) <= LENGTH_MAX
    seen["an id" if message_id else "none"] += 1


_headers: Final = st.none() | st.lists(
    st.tuples(
        st.sampled_from(("ce_id", "ce_id", "ce_type", "traceparent")) | st.text(max_size=8),
        st.none()
        | st.binary(max_size=60)
        | st.text("ab\0\ud800", max_size=20)
        | st.integers(0, 4_096).map(bytes),
    ),
    max_size=5,
)


# ---------------------------------------------------------------- texts


def _check_faults(text: str, seen: Counter[str]) -> None:
    faults = parse_faults(text)
    assert all(0.0 <= percent <= 100.0 for percent in faults.percents.values())
    assert all(0.0 <= one <= DELAY_SECONDS_MAX for one in faults.delays_seconds.values())
    seen["percents" if faults.percents else "none"] += 1
    seen["delays"] += bool(faults.delays_seconds)


_NUMBERS: Final = st.sampled_from(("30", "0.5", "1e999", "nan", "-1", "200", "")) | st.text(
    max_size=3
)
_PARTS: Final = st.one_of(
    st.builds("{}={}".format, st.sampled_from(("payment", " Refund", "")), _NUMBERS),
    st.builds("{}={}%,delay:{}s".format, st.just("shipment"), _NUMBERS, _NUMBERS),
    st.builds("delay:{}{}".format, _NUMBERS, st.sampled_from(("ms", "s", "m", "", "h"))),
    st.text(max_size=8),
)
_fault_texts: Final = st.lists(_PARTS, max_size=4).map(";".join)


def _check_cursor(cursor: str, seen: Counter[str]) -> None:
    try:
        place = read_cursor(cursor)
    except RequestValidationError:
        seen["refused"] += 1
        return
    assert place is not None
    assert read_cursor(write_cursor(*place)) == place
    place.created_at.astimezone(UTC)
    seen["read"] += 1


_cursors: Final = st.one_of(
    st.text(max_size=256),
    st.builds(write_cursor, st.datetimes(timezones=st.just(UTC)), values.texts),
    st.builds(
        lambda text, place: text[:place] + text[place + 1 :],
        st.builds(write_cursor, st.datetimes(timezones=st.just(UTC)), st.just("saga-1")),
        st.integers(0, 40),
    ),
)


def _check_since(text: str, seen: Counter[str]) -> None:
    try:
        when = read_since(text, NOW)
    except Unacceptable as error:
        seen["refused"] += error.field == "since"
        return
    assert when.tzinfo is not None
    seen["read"] += 1


_sinces: Final = st.one_of(
    st.builds(
        "{}{}".format,
        st.integers(0, 9_999) | st.sampled_from((999_999, 1_000_000)),
        st.sampled_from("smhdw"),
    ),
    st.datetimes(timezones=st.just(UTC) | st.none()).map(datetime.isoformat),
    st.text(max_size=30),
)


# ---------------------------------------------------------------- bodies of requests and answers

_TERMS: Final[dict[str, Any]] = {
    "mode": ("choreo", "orchestration", "Choreography", "both"),
    "customer_id": ("ada", "", "a\0"),
    "amount_cents": (300, 0, -1, None, 10**30),
    "currency": ("EUR", ""),
    "drink": ("espresso", "geisha", "tea", ""),
    "quantity": (0, 1, 1_001, -1),
    "deadline_seconds": (None, 0.5, 1, 0, 1e300, float("nan"), float("inf")),
    "faults": values.FAULTS,
}
_PLACING: Final = {**_TERMS, "saga_id": ("saga-1", "a b", None)}
_BATCH: Final = {**_TERMS, "orders": (1, 10, 0, 10**6), "rate": (None, 5, 0, 1e-9, float("nan"))}
_INTAKE: Final = {"paused": (True, False, 1), "reason": ("a step", "a\0"), "by": ("ada", "x" * 300)}
_QUESTION: Final = {
    "ids": ([], ["saga-1"], ["a b"], ["saga-1"] * 1_001),
    "wait_seconds": (0, 0.5, 9, float("nan")),
    "ended_only": (True, False),
}
_STANDING: Final = {
    "saga_id": ("saga-1",),
    "status": ("RUNNING", "SUCCESS", "FAILED", "OTHER"),
    "current_step": ("DONE", "AWAITING_PAYMENT"),
    "outcome": (None, "completed", "rejected"),
    "failure_reason": ("", None),
    "parked": (True, False),
    "payment_id": ("", "pay-1"),
}


def _check_saga(body: Any, seen: Counter[str]) -> None:
    try:
        draft = SagaRequest.model_validate_json(json.dumps(body)).draft("saga-1")
        terms = terms_of(draft, NOW)
    except (ValidationError, Unacceptable) as error:
        seen[type(error).__name__] += 1
        return
    assert len(draft.request_hash()) == 32
    assert 1 <= (terms.amount_cents or 0) < 2**63
    seen["read"] += 1


def _check_batch(body: Any, seen: Counter[str]) -> None:
    try:
        wanted = BatchRequest.model_validate_json(json.dumps(body)).wanted()
        check_batch("uid", wanted)
        terms_of(wanted.draft, NOW)
    except (ValidationError, Unacceptable) as error:
        seen[type(error).__name__] += 1
        return
    assert len(wanted.request_hash()) == 32
    seen["read"] += 1


def _check_model(model: Any) -> Callable[[Any, Counter[str]], None]:
    def check(body: Any, seen: Counter[str]) -> None:
        try:
            found = model.model_validate_json(json.dumps(body))
        except ValidationError:
            seen["ValidationError"] += 1
            return
        _check_storable(*found.model_dump().values())
        seen["read"] += 1

    return check


def _check_standing(answer: Any, seen: Counter[str]) -> None:
    """The orchestrator's answer, which may be another team's."""
    try:
        report = _report(answer)
    except (KeyError, TypeError, ValueError) as error:  # what the client takes as unreachable
        seen[type(error).__name__] += 1
        return
    assert isinstance(report.parked, bool)
    seen["read"] += 1


# ---------------------------------------------------------------- settings

_words: Final = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
)
_SETTINGS: Final[dict[str, tuple[str, ...]]] = {
    "MODE": ("choreo", "orch", "both", "Choreography"),
    "TOPIC_PREFIX": ("saga-", "saga", ""),
    "DATABASE_URL": ("postgresql://a:b@h/d", "postgresql://[::1", "://", "x://a:b@[h"),
    "KAFKA_BOOTSTRAP_SERVERS": ("127.0.0.1:9092", "a://b:c@d:e"),
    "RESAY_AFTER_SECONDS": ("5", "0", "-1", "nan", "inf"),
    "FAIL_RATE": ("0.3", "1.1", "nan"),
    "HTTP_PORT": ("0", "8081", "70000", "1.5"),
    "FLOW_VERSION": ("1", "0", "2", "99999999999999999999"),
    "MAX_IN_FLIGHT": ("1", "0"),
    "FAULTS_ENABLED": ("true", "0", "perhaps"),
}


@st.composite
def _environments(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    names = draw(st.lists(st.sampled_from(sorted(_SETTINGS)), max_size=4, unique=True))
    chosen = {name: draw(st.sampled_from(_SETTINGS[name]) | _words) for name in names}
    return draw(st.sampled_from(sorted(SETTINGS))), chosen


def _check_settings(given: tuple[str, dict[str, str]], seen: Counter[str]) -> None:
    service, environment = given
    kind: type[KitSettings] = SETTINGS[service]  # type: ignore[assignment]
    with patch.dict(os.environ, environment):
        try:
            settings = read(kind)
        except Misconfigured as error:
            seen["Misconfigured"] += bool(str(error))
            return
    assert told(settings) is not None
    assert masked(settings)["mode"] in {"both", *Mode}
    seen["read"] += 1


BOTH: Final = ("read", "ValidationError")
DECODERS: Final = (
    *(_message_target(*one) for one in _readers()),
    Target("headers", _headers, _check_headers, ("an id", "none")),
    Target("faults field", _fault_texts, _check_faults, ("percents", "none", "delays")),
    Target("paging cursor", _cursors, _check_cursor, ("read", "refused")),
    Target("since of a list", _sinces, _check_since, ("read", "refused")),
    Target("body of an order", values.bodies(_PLACING), _check_saga, (*BOTH, "Unacceptable")),
    Target("body of a batch", values.bodies(_BATCH), _check_batch, (*BOTH, "Unacceptable")),
    Target("body of intake", values.bodies(_INTAKE), _check_model(IntakeRequest), BOTH),
    Target("body of a question", values.bodies(_QUESTION), _check_model(Question), BOTH),
    Target(
        "answer of an orchestrator", values.bodies(_STANDING), _check_standing, ("read", "KeyError")
    ),
    Target("settings", _environments(), _check_settings, ("read", "Misconfigured")),
)
