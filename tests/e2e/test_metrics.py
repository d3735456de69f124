"""What the services count against what their databases hold: nothing twice, nothing left out."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from brewsaga.stack import Stack
from e2e.world import World, until, world
from saga.contract import DATABASES, STEPS, UNDO_NAMES, Mode

FAULTS = ("", "payment=100", "inventory=100", "shipment=100", "shipment=100;refund=60;release=60")
ORDERS_EACH = 4
SERIES_MAX = 2_500
"""Of all five services together."""

WORDS_A_LABEL_MAX = 30
"""Different values of one label in one service; buckets, topics and transitions have the most."""

DELAY_SECONDS_MAX = 5.0
"""No speed check: an age counted from the wrong clock or id would be far beyond."""

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(here: World, service: str) -> Series:
    """One service's metrics, as Prometheus reads them."""
    url = here.places[service].ready_url.replace("/startupz", "/metrics")
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(url)).text
    return {
        (sample.name.removeprefix("brewsaga_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def read(series: Series, name: str, *by: str, **only: str) -> Counter[tuple[str, ...]]:
    """The series of a name that are not 0, by some of their labels."""
    found: Counter[tuple[str, ...]] = Counter()
    for (one, pairs), value in series.items():
        labels = dict(pairs)
        if one == name and value and only.items() <= labels.items():
            found[tuple(labels[label] for label in by)] += int(value)
    return found


async def counted(here: World, service: str, query: str) -> Counter[tuple[str, ...]]:
    """What a database counts: text columns, and the number last."""
    rows = await here.rows(service, query)
    return Counter({tuple(row)[:-1]: row[-1] for row in rows})


async def test_what_is_counted_is_what_is_stored(stack: Stack, tmp_path: Path) -> None:
    async with world(stack, tmp_path, RESAY_AFTER_SECONDS="0.5") as here:
        # Named, since the luck of a saga follows from its id: some undo of each kind fails.
        orders = [
            {
                "mode": mode.value,
                "customer_id": "counted",
                "faults": faults,
                "saga_id": f"tally-{mode.value}-{number}",
            }
            for mode in Mode
            for number, faults in enumerate(FAULTS * ORDERS_EACH)
        ]
        saga_ids = await here.place(orders)
        await here.ends("both", saga_ids, by_order=True)
        await check_ends(here, len(saga_ids))
        await check_orchestration(here)
        await check_choreography(here)
        await check_gauges(here)
        await check_series_are_bounded(here, saga_ids)
        await check_outbox_delays(here)


async def check_series_are_bounded(here: World, saga_ids: Sequence[str]) -> None:
    """However many sagas: a series too many is one that grows with them. No id is in any label."""
    ids, total = set(saga_ids), 0
    for service in DATABASES:
        series = await scraped(here, service)
        total += len(series)
        words: dict[str, set[str]] = {}
        for _, pairs in series:
            for label, value in pairs:
                words.setdefault(label, set()).add(value)
        many = {label: found for label, found in words.items() if len(found) > WORDS_A_LABEL_MAX}
        assert not many, f"{service}: {many}"
        assert not ids & {word for found in words.values() for word in found}
    print(f"{total} series of {len(DATABASES)} services after {len(ids)} sagas")
    assert total <= SERIES_MAX


async def check_outbox_delays(here: World) -> None:
    """Every service says something in this scenario, and how long it took to be acknowledged."""
    for service in DATABASES:
        series, labels = await scraped(here, service), frozenset({("service", service)})
        samples = series["outbox_delay_seconds_count", labels]
        mean_seconds = series["outbox_delay_seconds_sum", labels] / samples
        published = series["outbox_published_total", labels]
        assert 0 < samples <= published
        assert 0 < mean_seconds < DELAY_SECONDS_MAX, f"{service}: {mean_seconds}"


async def check_ends(here: World, placed: int) -> None:
    """Both modes' beginnings and ends are order's, once a saga; no other service has them."""
    ends = (
        "SELECT CASE mode WHEN 'orch' THEN 'orchestration' ELSE 'choreography' END, outcome,"
        " count(*)::int FROM orders GROUP BY mode, outcome"
    )
    stored = await counted(here, "order", ends)
    assert len(stored) == 6, f"not every end in both modes: {stored}"

    async def all_counted() -> Series | None:
        series = await scraped(here, "order")
        return series if read(series, "sagas_finished_total").total() == placed else None

    order = await until("every end is counted", all_counted, 20.0)
    assert read(order, "sagas_finished_total", "mode", "outcome") == stored
    assert read(order, "saga_duration_seconds_count", "mode", "outcome") == stored
    each = placed // len(Mode)
    assert read(order, "sagas_started_total", "mode") == Counter(
        {(mode.long,): each for mode in Mode}
    )
    for service in DATABASES:
        series = await scraped(here, service)
        begun = [
            name for name, _ in series if name in ("sagas_started_total", "sagas_finished_total")
        ]
        assert bool(begun) is (service == "order")
        assert read(series, "build_info", "service") == Counter({(service,): 1})


async def check_orchestration(here: World) -> None:
    """Each transition of the history once, and the time of each step that was left by an answer."""
    series = await scraped(here, "orchestrator")
    moves = (
        "SELECT CASE source WHEN '' THEN 'START' ELSE source END, target, count(*)::int"
        " FROM saga_history WHERE source <> target GROUP BY 1, 2"
    )
    stored = await counted(here, "orchestrator", moves)
    assert read(series, "transitions_total", "source", "target") == stored
    left = Counter({(source,): 0 for source, _ in stored})
    for (source, _), number in stored.items():
        left[source,] += number
    states = {word.name: word.current_step for word in STEPS}
    timed = read(series, "step_duration_seconds_count", "step")
    assert timed == Counter({(name,): left[state,] for name, state in states.items()})
    triggered = read(series, "compensations_triggered_total", "trigger_step", "reason")
    turned = ORDERS_EACH
    assert triggered == Counter(
        {("inventory", "out_of_stock"): turned, ("shipment", "no_courier_capacity"): 2 * turned}
    )
    refused = "SELECT count(*)::int FROM saga_history WHERE source = target"
    (row,) = await here.rows("orchestrator", refused)
    again = read(series, "step_retries_total", "step", "reason")
    insisted = Counter({key: n for key, n in again.items() if key[0] in UNDO_NAMES})
    assert insisted.total() >= row[0] > 0, "an undo that was refused is said again"
    assert {reason for _, reason in insisted} >= {"refused"}


async def check_choreography(here: World) -> None:
    """Each saga leaves the start once and comes to one end; it turned back once, if at all."""
    series = await scraped(here, "order")
    moves = read(series, "transitions_total", "source", "target")
    total = ORDERS_EACH * len(FAULTS)
    assert sum(n for (source, _), n in moves.items() if source == "START") == total
    assert sum(n for (_, target), n in moves.items() if target.startswith("DONE")) == total
    triggered = read(series, "compensations_triggered_total", "mode")
    assert triggered == Counter({("choreography",): 3 * ORDERS_EACH})
    for service, step in (("payment", "refund"), ("inventory", "release")):
        tried = read(await scraped(here, service), "step_retries_total", "step", "reason")
        assert set(tried) == {(step, "refused")}


async def check_gauges(here: World) -> None:
    """When all have ended every place reads 0, each from its own."""
    places = {
        "order": [("sagas_in_flight", "choreography", word.name) for word in STEPS],
        "orchestrator": [
            *(("sagas_in_flight", "orchestration", word.name) for word in STEPS),
            ("sagas_parked", "orchestration", "refund"),
            ("sagas_parked", "orchestration", "release"),
        ],
        "payment": [("sagas_parked", "choreography", "refund")],
        "inventory": [("sagas_parked", "choreography", "release")],
        "shipment": [],
    }
    for service, wanted in places.items():

        async def settled(service: str = service) -> bool:
            """The gauges are a few seconds old."""
            series = await scraped(here, service)
            return not read(series, "sagas_in_flight") + read(series, "sagas_parked")

        await until(f"{service} has nothing in flight", settled, 20.0)
        shown = {
            (name, dict(pairs)["mode"], dict(pairs)["step"])
            for name, pairs in await scraped(here, service)
            if name in ("sagas_in_flight", "sagas_parked")
        }
        assert shown == set(wanted)
