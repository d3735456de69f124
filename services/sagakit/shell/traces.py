"""Sends traces to whatever speaks OpenTelemetry's protocol, with the conventions' names.

All is told on the asyncio loop's thread, and sent on another. What cannot be sent is dropped:
traces hold up nothing. This module and `traced` need an extra (`pip install .[otel]`).
"""

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from sagakit.shell.metrics import NAMESPACE
from sagakit.shell.outbox import OutboxRow, written_at_seconds
from sagakit.shell.ports import Record
from sagakit.shell.propagation import Place, is_told, read_traceparent, said_at, worked_at
from sagakit.shell.settings import KitSettings

STOP_SECONDS: Final = 3.0
"""How long an orderly stop waits until what was told is sent."""


@dataclass(slots=True)
class Span:
    """One span before it is told. Times are in nanoseconds since 1970."""

    operation: str
    kind: SpanKind
    here: Place
    parent: int | None
    began: int
    ended: int
    attributes: dict[str, str | int]
    links: Sequence[Link] = ()
    error: str = ""


class Traces:
    """What one process tells."""

    def __init__(self, service: str, settings: KitSettings) -> None:
        self._prefix = settings.topic_prefix
        self._share = settings.otel_traces_sampler_arg
        self._ids = _GivenIds()
        session = requests.Session()
        session.trust_env = False  # proxies of the environment are not for this
        endpoint = f"{settings.otel_exporter_otlp_endpoint}/v1/traces"
        self._sender = BatchSpanProcessor(OTLPSpanExporter(endpoint, session=session))
        named = {"service.name": service, "service.namespace": NAMESPACE}
        if settings.build_version:
            named["service.version"] = settings.build_version
        provider = TracerProvider(
            ALWAYS_ON, Resource.create(named), shutdown_on_exit=False, id_generator=self._ids
        )
        provider.add_span_processor(self._sender)
        self._tracer = provider.get_tracer(NAMESPACE)

    async def stop(self) -> None:
        """Send what is left, and wait for that no longer than `STOP_SECONDS`."""
        sending = threading.Thread(target=self._sender.shutdown, daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, STOP_SECONDS)

    def said(
        self, row: OutboxRow, parent: int | None, partition: int | None, offset: int | None
    ) -> None:
        """A message is in Kafka: from the moment that its row was written until it was known."""
        here = said_at(row)
        if not is_told(here.trace, self._share):
            return
        about = _about(row.topic, row.key, row.id, partition, offset)
        about["messaging.message.body.size"] = len(row.payload)
        began = int(written_at_seconds(row.id) * 1e9)
        kind = SpanKind.PRODUCER
        self._tell(Span("send", kind, here, parent, began, time.time_ns(), about))

    def worked(self, group: str, record: Record, saga_id: str, began: int, error: str = "") -> None:
        """A message is worked on and committed; `error` is why it was put aside."""
        here = worked_at(saga_id, group, record)
        if not is_told(here.trace, self._share):
            return
        topic = self._prefix + record.topic
        about = _about(topic, saga_id, record.message_id, record.partition, record.offset)
        about["messaging.consumer.group.name"] = group
        created = read_traceparent(record.traceparent)
        parent = created.span if created and created.trace == here.trace else None
        links = [Link(_context(created))] if created else []
        kind, ended = SpanKind.CONSUMER, time.time_ns()
        self._tell(Span("process", kind, here, parent, began, ended, about, links, error))

    def _tell(self, told: Span) -> None:
        self._ids.next = told.here
        context = Context()
        if told.parent is not None:
            above = NonRecordingSpan(_context(Place(told.here.trace, told.parent)))
            context = set_span_in_context(above, context)
        about = told.attributes
        about["messaging.operation.name"] = about["messaging.operation.type"] = told.operation
        if told.error:
            about["error.type"] = told.error
        name = f"{told.operation} {about['messaging.destination.name']}"
        span = self._tracer.start_span(name, context, told.kind, about, told.links, told.began)
        if told.error:
            span.set_status(Status(StatusCode.ERROR, told.error))
        span.end(told.ended)


class _GivenIds(IdGenerator):
    """Ids as they are known here; the library would draw them."""

    def __init__(self) -> None:
        self.next = Place(1, 1)

    def generate_trace_id(self) -> int:
        return self.next.trace

    def generate_span_id(self) -> int:
        return self.next.span


def _context(place: Place) -> SpanContext:
    sampled = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(place.trace, place.span, is_remote=True, trace_flags=sampled)


def _about(
    topic: str, saga_id: str, message_id: str, partition: int | None, offset: int | None
) -> dict[str, str | int]:
    """What the conventions ask of both operations. `topic` has its prefix."""
    about: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "messaging.kafka.message.key": saga_id,
        "messaging.message.conversation_id": saga_id,
    }
    if message_id:
        about["messaging.message.id"] = message_id
    if partition is not None and offset is not None:
        about["messaging.destination.partition.id"] = str(partition)
        about["messaging.kafka.offset"] = offset
    return about
