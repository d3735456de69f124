"""Bugs of the kit: the loop, the outbox, the sweeper, dead letters, the consumer."""

from typing import Final

from mutants.planted import Change, Mutant, mutant

LOOP: Final = "sagakit/shell/loop.py"
POISONED: Final = "                letters.append(_poisoned(record, poison))\n"
WRITTEN: Final = (
    "                rows = runtime.rows_of(handled.outgoing)\n"
    "                await self._write(connection, handled, rows, settlement)\n"
)

OF_PLUMBING: Final[tuple[Mutant, ...]] = (
    mutant(
        "offset before effect",
        "a crash loses the message in hand",
        LOOP,
        "            await self._work(batch)\n            self.consumer.finished(batch)\n",
        "            self.consumer.finished(batch)\n            await self._work(batch)\n",
    ),
    mutant(
        "dual write: published before COMMIT",
        "dual write",
        LOOP,
        WRITTEN,
        "                rows = runtime.rows_of(handled.outgoing)\n"
        "                runtime.publish_soon(rows)\n"
        "                await self._write(connection, handled, rows, settlement)\n",
    ),
    mutant(
        "dual write: said from memory alone",
        "crash between update and produce",
        LOOP,
        "        said = outbox.insertion(rows)\n",
        "        said = outbox.insertion(())\n",
    ),
    mutant(
        "outbox marked before publish",
        "crash between update and produce",
        "sagakit/shell/runtime.py",
        "        ids = self.publisher.take_acknowledged()\n",
        "        ids = sorted(self.publisher.in_flight)\n",
    ),
    Mutant(
        "outbox written as said",
        "crash between update and produce",
        (
            Change(
                "sagakit/shell/outbox.py",
                "payload, causation_id, publish_at)\nSELECT",
                "payload, causation_id, publish_at, acknowledged_at)\nSELECT",
            ),
            Change(
                "sagakit/shell/outbox.py",
                "coalesce(publish_at, now()) FROM {lines}",
                "coalesce(publish_at, now()), now() FROM {lines}",
            ),
        ),
    ),
    mutant(
        "what was acknowledged is forgotten when its delete fails",
        "the outbox grows for ever",
        "sagakit/shell/runtime.py",
        "            self.publisher.put_back(ids)\n",
        "            ids.clear()\n",
    ),
    mutant(
        "sweeper that skips late commits",
        "a row that commits late is never said",
        "sagakit/shell/sweeper.py",
        "AND publish_at <= now() - make_interval(secs => $3)\n",
        "AND publish_at <= now() - make_interval(secs => $3)\n"
        "   AND publish_at > now() - make_interval(secs => 4)\n",
    ),
    mutant(
        "nobody sweeps",
        "crash between update and produce",
        "sagakit/shell/sweeper.py",
        "            if not await connection.fetchval(_TRY_LOCK, _LOCK):\n",
        "            if await connection.fetchval(_TRY_LOCK, _LOCK):\n",
    ),
    Mutant(
        "poison that ends the process, uncounted",
        "poison crash loop",
        (
            Change(LOOP, POISONED, "                raise AssertionError from poison\n"),
            Change(
                LOOP,
                "        self._cautious_messages = CAUTIOUS_MESSAGES if died else 0\n",
                "        self._cautious_messages = 0 if died else 0\n",
            ),
        ),
    ),
    mutant(
        "poison that blocks a partition",
        "poison blocks the partition",
        LOOP,
        "            messages, letters = self._read(batch.records)\n"
        "            await self._settle(messages, letters)\n        self._observe",
        "            messages, letters = self._read(batch.records)\n"
        "            while letters:\n                await asyncio.sleep(1.0)\n"
        "            await self._settle(messages, letters)\n        self._observe",
    ),
    mutant(
        "poison that is dropped",
        "poison is dropped",
        LOOP,
        POISONED,
        '                log.debug("skipped %r", poison)\n',
    ),
    mutant(
        "dead letters that a batch finds are not written",
        "poison is dropped",
        LOOP,
        "            aside = [*letters, *handled.dead]\n",
        "            aside = [*letters]\n",
    ),
    mutant(
        "a crash loop has no end",
        "poison crash loop",
        "sagakit/shell/workers.py",
        "ATTEMPTS_MAX: Final = 3\n",
        "ATTEMPTS_MAX: Final = 1_000_000\n",
    ),
    mutant(
        "what was put aside as a killer is tried again",
        "poison crash loop",
        LOOP,
        "            sound = await dead.without_killers(connection, records)\n",
        "            sound = records\n",
    ),
    mutant(
        "the database's absence is taken for the message's fault",
        "a sound message is put aside",
        "sagakit/shell/database.py",
        "        return state[:2] in _PASSING_CLASSES or state in _PASSING_STATES\n",
        "        return state in _PASSING_STATES\n",
    ),
    mutant(
        "a batch that fails is given up",
        "log and continue",
        LOOP,
        "                if passes(error):\n                    waits += 1\n",
        "                if passes(error):\n                    return None\n"
        "                    waits += 1\n",
    ),
    mutant(
        "a fault that outlives its experiment",
        "chaos that stays",
        "sagakit/shell/faults.py",
        "for k, one in self._faults.items() if one.expires_at > now}\n",
        "for k, one in self._faults.items() if now}\n",
        caught_by="tests/unit/sagakit/test_faults.py",
    ),
    mutant(
        "auto.offset.reset=latest",
        "consumers that start at the end",
        "sagakit/shell/kafka_client.py",
        '        "auto.offset.reset": "earliest",\n',
        '        "auto.offset.reset": "latest",\n',
        caught_by="tests/unit/sagakit/test_kafka_client.py",
    ),
    mutant(
        "offsets are committed by the client's clock",
        "a crash loses the message in hand",
        "sagakit/shell/kafka_client.py",
        '        "enable.auto.commit": False,\n',
        '        "enable.auto.commit": True,\n',
        caught_by="tests/unit/sagakit/test_kafka_client.py",
    ),
)
