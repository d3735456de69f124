"""The outbox table.

What is said is written in the transaction of the state that it says, and deleted when Kafka has it.

All SQL of the outbox but the sweeper's choice is here. Knows no topic's meaning.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sagakit.shell.lines import write_lines
from sagakit.shell.ports import Outgoing, Write

_UUID_LENGTH: Final = 36

_COLUMNS: Final = (
    ("id", "uuid"),
    ("topic", "text"),
    ("key", "text"),
    ("type", "text"),
    ("payload", "bytea"),
    ("causation_id", "text"),
    ("publish_at", "timestamptz"),
)
_INSERT: Final = """
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, causation_id, publish_at)
SELECT id, topic, key, type, payload, causation_id, coalesce(publish_at, now()) FROM {lines}
"""
_DELETE: Final = "DELETE FROM outbox WHERE id = ANY($1::uuid[])"
_KEEP: Final = """
UPDATE outbox SET acknowledged_at = now() WHERE id = ANY($1::uuid[]) AND acknowledged_at IS NULL
"""


class OutboxRow(NamedTuple):
    """One row, as it is published.

    `topic` has its prefix. A named tuple: thousands a second are made.
    """

    id: str
    topic: str
    key: str
    type: str
    payload: bytes
    causation_id: str | None
    publish_at: datetime | None

    @property
    def traceparent(self) -> str:
        """The message's place in its saga's trace, the same each time it is published."""
        return f"00-{trace_id(self.key)}-{self.id[-16:].replace('-', '0')}-01"


def message_ids(count: int) -> list[str]:
    """Time-ordered ids, UUID version 7.

    Milliseconds, a counter within the call, 60 random bits.
    """
    milliseconds = time.time_ns() // 1_000_000
    head = f"{milliseconds:012x}"
    head = f"{head[:8]}-{head[8:]}-7"
    chance = os.urandom(8 * count).hex()
    return [
        f"{head}{index & 0xFFF:03x}-8{chance[at + 1 : at + 4]}-{chance[at + 4 : at + 16]}"
        for index, at in enumerate(range(0, 16 * count, 16))
    ]


def written_at_seconds(message_id: str) -> float:
    """When a message's id was drawn, which is just before its COMMIT; seconds since 1970."""
    return int(message_id[:8] + message_id[9:13], 16) / 1_000


def trace_id(saga_id: str) -> str:
    """The trace of a saga: its 128 bits, or of a foreign id the first 16 bytes of its SHA-256.

    32 hexadecimal digits.
    """
    if len(saga_id) == _UUID_LENGTH:
        digits = saga_id.replace("-", "").lower()
        if len(digits) == 32 and digits.strip("0123456789abcdef") == "" and digits.strip("0"):  # noqa: PLR2004
            return digits
    return hashlib.sha256(saga_id.encode(errors="replace")).hexdigest()[:32]


def rows_of(outgoing: Sequence[Outgoing], prefix: str) -> list[OutboxRow]:
    """Outbox rows for what is to be said, each with an id and its topic's full name."""
    return [
        OutboxRow(
            row_id,
            prefix + one.topic,
            one.key,
            one.type,
            one.payload,
            one.causation_id,
            one.publish_at,
        )
        for row_id, one in zip(message_ids(len(outgoing)), outgoing, strict=True)
    ]


def insertion(rows: Sequence[OutboxRow]) -> list[Write]:
    """Write rows, in the transaction of the state that they say; none for no rows."""
    return write_lines(_INSERT, _COLUMNS, rows)


def settlement(ids: Iterable[str], *, keep: bool) -> list[Write]:
    """Delete what Kafka has acknowledged, or mark it where the outbox is kept.

    Sorted: two processes never deadlock.
    """
    ordered = sorted(ids)
    return [Write(_KEEP if keep else _DELETE, [ordered])] if ordered else []
