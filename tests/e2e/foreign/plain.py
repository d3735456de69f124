"""Participants as another team would write them from the contract's tables alone.

No headers, no deadline, no memory: each answers a message as it comes, with the contract's own
fields only and with empty ids where those are allowed. Uses confluent_kafka and the generated
messages; it must not import the kit or any service, or it would prove nothing.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from saga.v1 import saga_pb2 as pb

POLL_SECONDS: Final = 0.1
FLUSH_SECONDS: Final = 10.0
STOP_SECONDS: Final = 20.0

Said = list[tuple[str, Any]]
"""What is said in answer: topics (without prefix) and messages."""

Answers = Mapping[str, tuple[Any, Callable[[Any], Said]]]
"""By topic heard: the message's type, and the answer to one message."""


def unlucky(saga_id: str, step: str, rate: float) -> bool:
    """Whether the step refuses this saga: a hash, so a duplicate is answered like the first."""
    drawn = hashlib.sha256(f"{saga_id}/{step}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") < rate * 2.0**64


def new_producer(bootstrap: str) -> Producer:
    """A producer with the partitioner that Java and Go have by default."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "acks": "all",
            "enable.metrics.push": False,
            "log_level": 0,
        }
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a foreign program works: cluster, topic prefix, name of its consumer group."""

    bootstrap: str
    prefix: str
    group: str


class Foreign:
    """One foreign program at work in a thread: it consumes, answers, and commits by default."""

    def __init__(self, place: Place, answers: Answers) -> None:
        self._place = place
        self._answers = answers
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=place.group)
        self.heard = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(STOP_SECONDS)
        assert not self._thread.is_alive(), f"{self._place.group} does not stop"
        if self._error is not None and error is None:
            raise self._error

    def _run(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._place.bootstrap,
                "group.id": self._place.prefix + self._place.group,
                "auto.offset.reset": "earliest",
                "enable.metrics.push": False,
                "log_level": 0,
            }
        )
        producer = new_producer(self._place.bootstrap)
        try:
            consumer.subscribe([self._place.prefix + name for name in self._answers])
            while not self._stop.is_set():
                self._take(consumer, producer)
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            self._error = error
        finally:
            producer.flush(FLUSH_SECONDS)
            consumer.close()

    def _take(self, consumer: Consumer, producer: Producer) -> None:
        record = consumer.poll(POLL_SECONDS)
        if record is None:
            return
        error = record.error()
        if error is not None:
            if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return
            raise KafkaException(error)
        self.heard += 1
        prefix = self._place.prefix
        message_type, answer = self._answers[str(record.topic()).removeprefix(prefix)]
        for topic, message in answer(message_type.FromString(record.value())):
            producer.produce(prefix + topic, message.SerializeToString(), key=message.saga_id)
        producer.poll(0)


# ---------------------------------------------------------------- participants, in both modes


def payment(rate: float) -> Answers:
    """Payment: charges whatever is asked, unless the hash declines it."""

    def requested(heard: Any) -> Said:
        if unlucky(heard.saga_id, "payment", rate):
            failed = pb.PaymentFailed(saga_id=heard.saga_id, reason="card declined")
            return [("choreo.payment-failed", failed)]
        completed = pb.PaymentCompleted(
            saga_id=heard.saga_id, amount_cents=heard.amount_cents, currency=heard.currency
        )
        return [("choreo.payment-completed", completed)]

    def undo(heard: Any) -> Said:
        refunded = pb.PaymentRefunded(saga_id=heard.saga_id, reason=heard.reason)
        return [("choreo.payment-refunded", refunded)]

    def command(heard: Any) -> Said:
        refund = heard.action == pb.PAYMENT_ACTION_REFUND
        ok = refund or not unlucky(heard.saga_id, "payment", rate)
        reply = pb.PaymentReply(
            saga_id=heard.saga_id, action=heard.action, ok=ok, reason="" if ok else "card declined"
        )
        return [("orch.payment-reply", reply)]

    return {
        "choreo.order-requested": (pb.OrderRequested, requested),
        "choreo.inventory-failed": (pb.InventoryFailed, undo),
        "choreo.inventory-released": (pb.InventoryReleased, undo),
        "orch.payment-cmd": (pb.PaymentCommand, command),
    }


def inventory(rate: float) -> Answers:
    """Inventory: has everything, unless the hash is out of stock."""

    def paid(heard: Any) -> Said:
        if unlucky(heard.saga_id, "inventory", rate):
            failed = pb.InventoryFailed(saga_id=heard.saga_id, reason="out of stock")
            return [("choreo.inventory-failed", failed)]
        return [("choreo.inventory-reserved", pb.InventoryReserved(saga_id=heard.saga_id))]

    def undo(heard: Any) -> Said:
        released = pb.InventoryReleased(saga_id=heard.saga_id, reason=heard.reason)
        return [("choreo.inventory-released", released)]

    def command(heard: Any) -> Said:
        release = heard.action == pb.INVENTORY_ACTION_RELEASE
        ok = release or not unlucky(heard.saga_id, "inventory", rate)
        reply = pb.InventoryReply(
            saga_id=heard.saga_id, action=heard.action, ok=ok, reason="" if ok else "out of stock"
        )
        return [("orch.inventory-reply", reply)]

    return {
        "choreo.payment-completed": (pb.PaymentCompleted, paid),
        "choreo.shipment-failed": (pb.ShipmentFailed, undo),
        "orch.inventory-cmd": (pb.InventoryCommand, command),
    }


def shipment(rate: float) -> Answers:
    """Shipment: has a courier, unless the hash has none. It gives an id: parcels have numbers."""

    def reserved(heard: Any) -> Said:
        if unlucky(heard.saga_id, "shipment", rate):
            failed = pb.ShipmentFailed(saga_id=heard.saga_id, reason="no courier capacity")
            return [("choreo.shipment-failed", failed)]
        scheduled = pb.ShipmentScheduled(
            saga_id=heard.saga_id, shipment_id=f"parcel-{heard.saga_id}"
        )
        return [("choreo.shipment-scheduled", scheduled)]

    def command(heard: Any) -> Said:
        ok = not unlucky(heard.saga_id, "shipment", rate)
        reply = pb.ShipmentReply(
            saga_id=heard.saga_id,
            action=heard.action,
            ok=ok,
            shipment_id=f"parcel-{heard.saga_id}" if ok else "",
            reason="" if ok else "no courier capacity",
        )
        return [("orch.shipment-reply", reply)]

    return {
        "choreo.inventory-reserved": (pb.InventoryReserved, reserved),
        "orch.shipment-cmd": (pb.ShipmentCommand, command),
    }


# ---------------------------------------------------------------- the orchestrator and the placer


def orchestrator(ends: dict[str, str]) -> Answers:  # noqa: C901 - a table of small answers
    """A plain orchestrator: what comes next follows from the reply alone. Notes `ends` by saga.

    It must remember what was ordered, for commands carry it; that is all it keeps.
    """
    orders: dict[str, Any] = {}

    def pay(saga_id: str, action: Any) -> Said:
        order = orders[saga_id]
        command = pb.PaymentCommand(
            saga_id=saga_id,
            action=action,
            customer_id=order.customer_id,
            amount_cents=order.amount_cents,
            currency=order.currency,
        )
        return [("orch.payment-cmd", command)]

    def stock(saga_id: str, action: Any) -> Said:
        order = orders[saga_id]
        command = pb.InventoryCommand(
            saga_id=saga_id,
            action=action,
            customer_id=order.customer_id,
            amount_cents=order.amount_cents,
        )
        return [("orch.inventory-cmd", command)]

    def placed(heard: Any) -> Said:
        if heard.saga_id in orders:
            return []
        orders[heard.saga_id] = heard
        return pay(heard.saga_id, pb.PAYMENT_ACTION_AUTHORIZE)

    def end(saga_id: str, status: str) -> Said:
        ends.setdefault(saga_id, status)
        return []

    def paid(heard: Any) -> Said:
        if heard.action == pb.PAYMENT_ACTION_AUTHORIZE and heard.ok:
            return stock(heard.saga_id, pb.INVENTORY_ACTION_RESERVE)
        if heard.action == pb.PAYMENT_ACTION_REFUND and not heard.ok:
            return pay(heard.saga_id, pb.PAYMENT_ACTION_REFUND)
        return end(heard.saga_id, "FAILED")

    def stocked(heard: Any) -> Said:
        if heard.action == pb.INVENTORY_ACTION_RELEASE and not heard.ok:
            return stock(heard.saga_id, pb.INVENTORY_ACTION_RELEASE)
        if heard.action == pb.INVENTORY_ACTION_RELEASE or not heard.ok:
            return pay(heard.saga_id, pb.PAYMENT_ACTION_REFUND)
        command = pb.ShipmentCommand(
            saga_id=heard.saga_id,
            action=pb.SHIPMENT_ACTION_SCHEDULE,
            customer_id=orders[heard.saga_id].customer_id,
        )
        return [("orch.shipment-cmd", command)]

    def shipped(heard: Any) -> Said:
        if heard.ok:
            return end(heard.saga_id, "SUCCESS")
        return stock(heard.saga_id, pb.INVENTORY_ACTION_RELEASE)

    return {
        "orch.place-order": (pb.PlaceOrder, placed),
        "orch.payment-reply": (pb.PaymentReply, paid),
        "orch.inventory-reply": (pb.InventoryReply, stocked),
        "orch.shipment-reply": (pb.ShipmentReply, shipped),
    }


def listener(ends: dict[str, str]) -> Answers:
    """Whoever placed a choreographed order and only waits for its end, which is noted in `ends`."""

    def note(status: str) -> Callable[[Any], Said]:
        def noted(heard: Any) -> Said:
            ends.setdefault(heard.saga_id, status)
            return []

        return noted

    return {
        "choreo.shipment-scheduled": (pb.ShipmentScheduled, note("SUCCESS")),
        "choreo.payment-failed": (pb.PaymentFailed, note("FAILED")),
        "choreo.payment-refunded": (pb.PaymentRefunded, note("FAILED")),
    }


def place_orders(place: Place, mode: str, saga_ids: Sequence[str], amount_cents: int = 350) -> None:
    """Put orders straight on Kafka, each once, and wait until the broker has them."""
    producer = new_producer(place.bootstrap)
    order = pb.OrderRequested if mode == "choreo" else pb.PlaceOrder
    topic = "choreo.order-requested" if mode == "choreo" else "orch.place-order"
    for saga_id in saga_ids:
        message = order(
            saga_id=saga_id, customer_id="lecture", amount_cents=amount_cents, currency="EUR"
        )
        producer.produce(place.prefix + topic, message.SerializeToString(), key=saga_id)
    left = producer.flush(FLUSH_SECONDS)
    assert left == 0, f"{left} orders did not reach Kafka"
