"""Poison in every topic: put aside with its cause; its partition goes on, no saga is harmed."""

import hashlib
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from brewsaga.stack import Stack
from e2e.records import has, message
from e2e.world import World, until, world
from saga import contract
from saga.contract import Mode

KEPT_BYTES: Final = 64 * 1024
LARGE_BYTES: Final = 2 * 1024 * 1024
SEED: Final = 20_260_612
ACTION_BEYOND: Final = 77
AMOUNT_CENTS: Final = 350


@dataclass(frozen=True, slots=True)
class Bad:
    """One record that all who hear its topic must put aside, for one of `reasons`."""

    topic: contract.Topic
    value: bytes | None
    reasons: frozenset[str]


def poison(known: dict[Mode, str]) -> Iterator[Bad]:
    """Every kind of poison for every topic. `known`: an ended saga a mode, to be contradicted."""
    drawn = random.Random(SEED)  # noqa: S311 - the same bytes at each run
    for topic in contract.TOPICS:
        noise = b"\xff" + drawn.randbytes(200)
        yield Bad(topic, noise, frozenset({"undecodable", "bad_saga_id"}))
        yield Bad(topic, b"", frozenset({"empty"}))
        yield Bad(topic, None, frozenset({"null_value"}))
        large = topic.name.encode().ljust(LARGE_BYTES, b" ")
        yield Bad(topic, large, frozenset({"oversized"}))
        if has(topic, "action"):
            beyond = message(topic, saga_id=str(uuid.uuid4()), action=ACTION_BEYOND)
            yield Bad(topic, beyond, frozenset({"unknown_action"}))
        if has(topic, "amount_cents"):
            other = message(
                topic,
                saga_id=known[topic.mode],
                customer_id="poisoner",
                amount_cents=AMOUNT_CENTS + 1,
                currency="EUR",
                action=1,
            )
            yield Bad(topic, other, frozenset({"contradiction"}))


def check_letters(here: World, bad: list[Bad], letters: list[tuple[str, Any]]) -> None:
    """One row a record and group that heard it: cause, first 64 KiB, hash of the whole."""
    left = list(letters)
    for one in bad:
        value = one.value or b""
        digest = hashlib.sha256(value).digest()
        for hearer in one.topic.heard_by:
            for partition in range(contract.PARTITIONS):
                match = [
                    (service, row)
                    for service, row in left
                    if service == hearer
                    and row["topic"].removeprefix(here.prefix) == one.topic.name
                    and row["partition"] == partition
                    and row["sha256"] == digest
                    and row["reason"] in one.reasons
                    and (row["payload"] is None) == (one.value is None)
                ]
                place = f"{one.topic.name}/{partition} at {hearer}: {one.reasons}"
                assert len(match) == 1, f"{len(match)} rows for {place}"
                row = match[0][1]
                assert row["size_bytes"] == len(value), place
                assert row["mode"] == one.topic.mode.value
                assert row["detail"], place
                assert one.value is None or row["payload"] == value[:KEPT_BYTES], place
                left.remove(match[0])
    assert not left, [(service, dict(row)) for service, row in left][:5]


async def placed(here: World, count: int = 6) -> list[str]:
    """Good orders of both modes that must be delivered."""
    order = {"customer_id": "good", "amount_cents": AMOUNT_CENTS}
    saga_ids = await here.place([{"mode": m.value, **order} for m in Mode for _ in range(count)])
    ends = await here.ends("both", saga_ids, by_order=True)
    assert set(ends.values()) == {"SUCCESS"}
    return saga_ids


async def test_poison_is_put_aside_and_every_partition_goes_on(
    stack: Stack, tmp_path: Path
) -> None:
    async with world(stack, tmp_path) as here:
        before = await placed(here, 1)
        known = dict(zip(Mode, before, strict=True))
        bad = list(poison(known))
        records = [
            (one.topic.name, partition, b"poison", one.value)
            for one in bad
            for partition in range(contract.PARTITIONS)
        ]
        here.produce(records)
        after = await placed(here)
        wanted = sum(len(one.topic.heard_by) for one in bad) * contract.PARTITIONS

        async def all_aside() -> list[tuple[str, Any]] | None:
            found = await here.dead_letters()
            return found if len(found) >= wanted else None

        letters = await until(f"{wanted} dead letters", all_aside)
        print(f"{len(records)} poisoned records, {len(letters)} dead letters")
        check_letters(here, bad, letters)
        report = await here.audit(topics=False)  # the topics hold forged words: the stores must not
        assert not report.violations, "\n".join(report.text())
        assert report.sagas == len(before) + len(after)


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_readable_order_without_a_key_is_handled(
    stack: Stack, tmp_path: Path, mode: Mode
) -> None:
    topic = contract.ORDER_REQUESTED if mode is Mode.CHOREO else contract.PLACE_ORDER
    async with world(stack, tmp_path) as here:
        keyless, negative = str(uuid.uuid4()), str(uuid.uuid4())
        order = {"customer_id": "keyless", "currency": "EUR"}
        here.produce(
            [
                (topic.name, 0, None, message(topic, saga_id=keyless, amount_cents=200, **order)),
                (topic.name, 1, None, message(topic, saga_id=negative, amount_cents=-5, **order)),
            ],
        )
        by_order = mode is Mode.CHOREO
        ends = await here.ends(mode.value, [keyless, negative], by_order=by_order)
        assert ends == {keyless: "SUCCESS", negative: "FAILED"}
        await check_refusal(here, mode, negative)
        assert not await here.dead_letters()
        report = await here.audit()
        assert not report.violations, "\n".join(report.text())


async def check_refusal(here: World, mode: Mode, saga_id: str) -> None:
    """The negative amount ended its saga with a refusal that is stored and says the bound."""
    payment = (await here.by_saga("payment", "payments", [saga_id]))[saga_id]
    assert payment["outcome"] == "REFUSED"
    assert payment["reason"].startswith("amount_cents is -5, must be 1..")
    service, table = ("order", "orders") if mode is Mode.CHOREO else ("orchestrator", "saga_state")
    told = (await here.by_saga(service, table, [saga_id]))[saga_id]
    assert told["failure_reason"] == payment["reason"]
    assert not await here.rows("payment", "SELECT 1 FROM ledger WHERE saga_id = $1", saga_id)
