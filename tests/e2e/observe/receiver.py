"""A receiver of traces on loopback, which reads what the real exporter sends.

It must not know what spans there should be.
"""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


@dataclass(frozen=True)
class Span:
    """One span, ids in hexadecimal; `parent` is empty where it has none."""

    service: str
    name: str
    kind: int
    trace: str
    span: str
    parent: str
    links: list[tuple[str, str]]
    attributes: dict[str, str | int]
    began: int
    ended: int
    error: str


@dataclass
class Receiver:
    """What has come so far."""

    url: str
    spans: list[Span] = field(default_factory=list)

    def of(self, trace: str) -> dict[str, Span]:
        """The spans of one trace, by their ids: what is told twice is one span."""
        return {one.span: one for one in self.spans if one.trace == trace}


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen until the end of the block."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces", self.path
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.spans += read(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def read(request: ExportTraceServiceRequest) -> list[Span]:
    """What one request tells."""
    return [
        Span(
            str(_value(next(a.value for a in of.resource.attributes if a.key == "service.name"))),
            one.name,
            one.kind,
            one.trace_id.hex(),
            one.span_id.hex(),
            one.parent_span_id.hex(),
            [(link.trace_id.hex(), link.span_id.hex()) for link in one.links],
            {attribute.key: _value(attribute.value) for attribute in one.attributes},
            one.start_time_unix_nano,
            one.end_time_unix_nano,
            one.status.message,
        )
        for of in request.resource_spans
        for scope in of.scope_spans
        for one in scope.spans
    ]


def _value(value: AnyValue) -> str | int:
    which = value.WhichOneof("value")
    assert which in ("string_value", "int_value"), which
    found: str | int = getattr(value, which)
    return found
