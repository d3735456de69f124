"""Dead letters: the table is the truth, the topic a mirror for those who watch Kafka.

Also what no handler need look at: records without a value, empty ones, and ones that are too large
to be read.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from sagakit.core.deadletters import Reason
from sagakit.shell.headers import clean
from sagakit.shell.ports import Connection, DeadLetter, Outgoing, Record

RECORD_BYTES_MAX: Final = 64 * 1024
"""Checked before anything is parsed, and the most of a dead letter's payload that is kept."""
DETAIL_CHARACTERS_MAX: Final = 2_000

_INSERT: Final = """
INSERT INTO dead_letters
    (mode, topic, partition, "offset", key, payload, size_bytes, sha256, reason, detail, saga_id)
SELECT $1, topic, partition, at, key, payload, size_bytes, sha256, reason, detail, saga_id
  FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bigint[],
              $8::bytea[], $9::text[], $10::text[], $11::text[])
    AS dead (topic, partition, at, key, payload, size_bytes, sha256, reason, detail, saga_id)
    ON CONFLICT (topic, partition, "offset", sha256) DO NOTHING
RETURNING topic, partition, "offset"
"""
_KILLED: Final = """
SELECT topic, partition, "offset" FROM dead_letters
  JOIN unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[])
    AS heard (topic, partition, at, hash)
 USING (topic, partition)
 WHERE "offset" = at AND sha256 = hash AND reason = $5 AND handled_at IS NULL
"""


def unreadable(record: Record) -> DeadLetter | None:
    """What is wrong with a record before it is decoded, or None."""
    value = record.value
    if value is None:
        return DeadLetter(record, Reason.NULL_VALUE, "the record has no value (a tombstone)")
    if not value:
        return DeadLetter(record, Reason.EMPTY, "the record's value has 0 bytes")
    if len(value) > RECORD_BYTES_MAX:
        detail = f"the record's value has {len(value)} bytes, at most {RECORD_BYTES_MAX} are read"
        return DeadLetter(record, Reason.OVERSIZED, detail)
    return None


async def insert(
    connection: Connection, mode: str, mirror: str, letters: Sequence[DeadLetter]
) -> list[Outgoing]:
    """Write dead letters inside the open transaction.

    Return the mirrors of those that are new (a redelivery is not).

    `mirror` is the topic without prefix.
    """
    if not letters:
        return []
    columns = zip(*(_columns(letter) for letter in letters), strict=True)
    new = await connection.fetch(_INSERT, mode, *(list(column) for column in columns))
    by_place = {(one.record.topic, one.record.partition, one.record.offset): one for one in letters}
    return [_mirror(by_place[row[0], row[1], row[2]], mirror) for row in new]


async def without_killers(connection: Connection, records: Sequence[Record]) -> Sequence[Record]:
    """The same records less those that killed processes before and were put aside for it.

    Kafka gives them again (a rewind, an offset that was not committed), and they would kill again.
    """
    places = [(one.topic, one.partition, one.offset) for one in records]
    hashes = [_sha256(one) for one in records]
    columns = [list(column) for column in zip(*places, strict=True)]
    found = await connection.fetch(_KILLED, *columns, hashes, Reason.CRASH_LOOP.value)
    killers = {tuple(row) for row in found}
    return [one for one, place in zip(records, places, strict=True) if place not in killers]


def _sha256(record: Record) -> bytes:
    return hashlib.sha256(record.value or b"").digest()


def _columns(letter: DeadLetter) -> tuple[object, ...]:
    record, value = letter.record, letter.record.value or b""
    return (
        record.topic,
        record.partition,
        record.offset,
        None if record.key is None else record.key[:RECORD_BYTES_MAX],
        None if record.value is None else value[:RECORD_BYTES_MAX],
        len(value),
        _sha256(record),
        letter.reason.value,
        clean(letter.detail)[:DETAIL_CHARACTERS_MAX],
        None if letter.saga_id is None else clean(letter.saga_id),
    )


def _mirror(letter: DeadLetter, topic: str) -> Outgoing:
    record = letter.record
    key = clean((record.key or b"")[:256].decode(errors="replace"))
    return Outgoing(
        topic=topic,
        key=key,
        type=f"dead-letter.{letter.reason.value}",
        payload=(record.value or b"")[:RECORD_BYTES_MAX],
        causation_id=clean(record.message_id) or None,
    )
