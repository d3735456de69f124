"""A saga is one trace in whatever receives OpenTelemetry's protocol, in both modes, undos too."""

import hashlib
import uuid
from collections import Counter
from pathlib import Path
from typing import Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span as Kind

from brewsaga.stack import Stack
from e2e.foreign import plain
from e2e.foreign.plain import Foreign, Place
from e2e.observe.receiver import Receiver, Span, receiving
from e2e.world import World, until, world
from saga import contract

REFUSED: Final = "shipment=100"
COMMANDS: Final = ["payment", "inventory", "shipment", "inventory", "payment"]
SAID: Final = {
    "choreo": [
        "order-requested",
        "payment-completed",
        "inventory-reserved",
        "shipment-failed",
        "inventory-released",
        "payment-refunded",
    ],
    "orch": ["place-order", *(f"{one}-{kind}" for one in COMMANDS for kind in ("cmd", "reply"))],
}
"""What is said in a saga whose courier is refused."""
SOON: Final = {"OTEL_BSP_SCHEDULE_DELAY": "100", "RESAY_AFTER_SECONDS": "30"}
SECONDS: Final = 60.0


def expected(mode: str, prefix: str) -> Counter[tuple[str, str]]:
    """Who tells which span, once a message and once for each who hears it."""
    told: Counter[tuple[str, str]] = Counter()
    for event in SAID[mode]:
        topic = contract.TOPIC_BY_NAME[f"{mode}.{event}"]
        told[topic.said_by, f"send {prefix}{topic.name}"] += 1
        for hearer in topic.heard_by:
            told[hearer, f"process {prefix}{topic.name}"] += 1
    return told


def without(told: Counter[tuple[str, str]], service: str) -> Counter[tuple[str, str]]:
    return Counter({one: count for one, count in told.items() if one[0] != service})


async def trace(receiver: Receiver, number: str, spans: int) -> dict[str, Span]:
    """Wait until so many spans of a trace have come."""

    async def come() -> dict[str, Span] | None:
        found = receiver.of(number)
        return found if len(found) >= spans else None

    found: dict[str, Span] = await until(f"{spans} spans of {number} have come", come, SECONDS)
    return found


def told(spans: dict[str, Span]) -> Counter[tuple[str, str]]:
    return Counter((one.service, one.name) for one in spans.values())


def roots(spans: dict[str, Span]) -> list[tuple[str, str]]:
    return sorted((one.service, one.name) for one in spans.values() if not one.parent)


def is_sound(spans: dict[str, Span]) -> None:
    """Each span's parent is there and is of the other kind; work is linked to what it is on."""
    for one in spans.values():
        assert one.ended >= one.began > 0
        assert one.attributes["messaging.system"] == "kafka"
        operation, _, topic = one.name.partition(" ")
        assert one.attributes["messaging.operation.type"] == operation
        assert one.attributes["messaging.destination.name"] == topic
        assert (
            one.kind
            == {
                "send": Kind.SpanKind.SPAN_KIND_PRODUCER,
                "process": Kind.SpanKind.SPAN_KIND_CONSUMER,
            }[operation]
        )
        if operation == "process":
            assert [link for _, link in one.links] == [one.parent] * bool(one.parent)
        if not one.parent:
            continue
        above = spans[one.parent]
        if operation == "process":
            assert above.name == f"send {topic}"
            ids = [x.attributes["messaging.message.id"] for x in (one, above)]
            assert ids[0] == ids[1]
        else:
            assert above.name.startswith("process ")
            assert above.service == one.service


async def test_a_saga_is_one_trace_in_each_mode(stack: Stack, tmp_path: Path) -> None:
    with receiving() as receiver:
        given = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **SOON}
        async with world(stack, tmp_path, **given) as here:
            for mode in SAID:
                await an_order_that_comes_back_is_one_trace(here, receiver, mode)
            here.kill(["shipment"])
            place = Place(here.bootstrap, here.prefix, "foreign-shipment")
            with Foreign(place, plain.shipment(1.0)):
                for mode in SAID:
                    await who_drops_the_headers_is_no_parent(here, receiver, mode)


async def an_order_that_comes_back_is_one_trace(here: World, receiver: Receiver, mode: str) -> None:
    (saga_id,) = await here.place([{"mode": mode, "faults": REFUSED}])
    should = expected(mode, here.prefix)
    spans = await trace(receiver, saga_id.replace("-", ""), should.total())
    assert told(spans) == should
    is_sound(spans)
    assert roots(spans) == [("order", f"send {here.prefix}{mode}.{SAID[mode][0]}")]
    last = max(spans.values(), key=lambda one: depth(spans, one))
    undone = "choreo.payment-refunded" if mode == "choreo" else "orch.payment-reply"
    assert last.name == f"process {here.prefix}{undone}"


def depth(spans: dict[str, Span], one: Span) -> int:
    return 1 + depth(spans, spans[one.parent]) if one.parent else 0


async def who_drops_the_headers_is_no_parent(here: World, receiver: Receiver, mode: str) -> None:
    """The saga's id is a foreign one too. What follows the answer has no parent, and what follows
    that has one again.
    """
    saga_id = f"order-{uuid.uuid4()}"
    await here.place([{"mode": mode, "saga_id": saga_id}])
    should = without(expected(mode, here.prefix), "shipment")
    number = hashlib.sha256(saga_id.encode()).hexdigest()[:32]
    spans = await trace(receiver, number, should.total())
    assert told(spans) == should
    is_sound(spans)
    answer = "choreo.shipment-failed" if mode == "choreo" else "orch.shipment-reply"
    topic = contract.TOPIC_BY_NAME[answer]
    first = ("order", f"send {here.prefix}{mode}.{SAID[mode][0]}")
    hearers = [(hearer, f"process {here.prefix}{answer}") for hearer in topic.heard_by]
    assert roots(spans) == sorted([first, *hearers])
    orphans = [one for one in spans.values() if one.name == f"process {here.prefix}{answer}"]
    assert all(one.links == [] for one in orphans)
    said = {one.parent for one in spans.values() if one.name.startswith("send ")}
    assert len(said & {one.span for one in orphans}) == 1
