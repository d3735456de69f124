"""Where a message and the work on it stand in their saga's trace.

A trace is the saga's id; the span of saying a message is in the message's own id, and the span of
working on it follows from who works on what. So nothing is stored for traces and nothing travels
but `traceparent`: a message that is published after a crash, by another process, is told as its
first process would have told it, and what is done twice is the same span twice. Whoever drops the
headers is tolerated: what follows has no parent, and is in the same trace.

It must not know what sends traces.
"""

import hashlib
import re
import zlib
from typing import Final, NamedTuple

from sagakit.shell.outbox import OutboxRow, trace_id
from sagakit.shell.ports import Record

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


class Place(NamedTuple):
    """A span's two ids, as numbers; neither is 0."""

    trace: int
    span: int


def read_traceparent(text: str) -> Place | None:
    """The context in which a message was created; None for none that can be read."""
    found = _TRACEPARENT.fullmatch(text)
    place = Place(int(found[1], 16), int(found[2], 16)) if found else None
    return place if place and all(place) else None


def said_at(row: OutboxRow) -> Place:
    """The span of saying a message."""
    return read_traceparent(row.traceparent) or Place(int(trace_id(row.key), 16), 1)


def worked_at(saga_id: str, group: str, record: Record) -> Place:
    """The span in which a consumer group works on a record."""
    place = f"{record.topic}/{record.partition}/{record.offset}"
    return caused_at(saga_id, group, record.message_id or place)


def caused_at(saga_id: str, group: str, message_id: str) -> Place:
    """The span in which a consumer group worked on a message that has an id."""
    digest = hashlib.sha256(f"{group}/{message_id}".encode(errors="replace")).digest()
    return Place(int(trace_id(saga_id), 16), int.from_bytes(digest[:8]) or 1)


def is_told(trace: int, share: float) -> bool:
    """Whether a saga is among the share that is told: by a checksum, so by every service alike.

    OpenTelemetry takes the id's last bits themselves; in a UUID those are not all drawn.
    """
    return zlib.crc32(trace.to_bytes(16)) < share * 2**32
