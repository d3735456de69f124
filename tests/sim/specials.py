"""Statements whose form the plans do not cover, by hand: crash counts, dead letters, one aggregate.

Keyed by production's own constants. None of them guards a saga's state.
"""

from typing import Any

from orchestrator import store as sagas
from order import store_intake
from sagakit.shell import dead, sweeper, workers
from sim.plans import Parameters, Plan, Tables, normal


def _enter(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
    worker_id, mode, host, pid = parameters
    row = {"worker_id": worker_id, "mode": mode, "host": host, "pid": pid, "seen_at": tables.now}
    tables.put("workers", worker_id, row)
    return [(1,)]


def _take_in_hand(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
    taken = []
    for place in zip(*parameters, strict=True):
        known = tables.rows("in_hand").get(place)
        attempts = known["attempts"] + 1 if known else 1
        topic, partition, offset = place
        row = {"topic": topic, "partition": partition, "offset": offset, "attempts": attempts}
        tables.put("in_hand", place, row)
        taken.append((attempts,))
    return taken


def _were_in_hand(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
    known = tables.rows("in_hand")
    return [(any(place in known for place in zip(*parameters, strict=True)),)]


def _put_down(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
    known = tables.rows("in_hand")
    if not known:
        return []
    done: dict[tuple[str, int], int] = {}
    for topic, partition, offset in zip(*parameters, strict=True):
        done[topic, partition] = max(offset, done.get((topic, partition), offset))
    gone = [place for place in known if place[2] <= done.get(place[:2], -1)]
    for place in gone:
        tables.put("in_hand", place, None)
    return [(1,)] * len(gone)


_DEAD = ("topic", "partition", "offset", "key", "payload", "size_bytes", "sha256", "reason")


def _put_aside(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
    mode, *columns = parameters
    new = []
    for line in zip(*columns, strict=True):
        row = dict(zip((*_DEAD, "detail", "saga_id"), line, strict=True)) | {"mode": mode}
        key = (row["topic"], row["partition"], row["offset"], row["sha256"])
        if key not in tables.rows("dead_letters"):
            tables.put("dead_letters", key, row)
            new.append(key[:3])
    return new


def _killed(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
    *columns, reason = parameters
    letters = tables.rows("dead_letters")
    places = zip(*columns, strict=True)
    return [key[:3] for key in places if key in letters and letters[key]["reason"] == reason]


def _entered(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
    since: dict[str, Any] = {}
    for entry in tables.rows("saga_history").values():
        if entry["saga_id"] in parameters[0] and entry["source"] != entry["target"]:
            known = since.get(entry["saga_id"], entry["created_at"])
            since[entry["saga_id"]] = max(known, entry["created_at"])
    return list(since.items())


SPECIALS: dict[str, Plan] = {
    normal(workers._SEEN): _enter,
    normal(workers._TAKE): _take_in_hand,
    normal(workers._KNOWN): _were_in_hand,
    normal(workers._PUT): _put_down,
    normal(dead._INSERT): _put_aside,
    normal(dead._KILLED): _killed,
    normal(sagas._ENTERED): _entered,
    normal(store_intake._CLOSED): lambda _tables, _parameters: [],
    normal(sweeper._TRY_LOCK): lambda _tables, _parameters: [(True,)],
}
