"""Orders under way while something is done to the cluster: batches, which order paces from its own
rows, so that the load goes on whatever pod is gone.
"""

import time
import uuid
from dataclasses import dataclass, field

from cluster.client import Client
from cluster.kube import CommandFailed, Namespace, wait_until

MODES = ("choreo", "orch")
OPEN_MIN = 50
"""So many orders without an end must be under way when something is stopped."""


@dataclass
class Load:
    """Orders of both modes at a rate."""

    client: Client
    batches: list[str] = field(default_factory=list)

    @property
    def space(self) -> Namespace:
        """Where they are."""
        return self.client.space

    def put(self, orders: int, rate_per_second: float | None, faults: str) -> None:
        """Begin a batch in each mode."""
        for mode in MODES:
            name = str(uuid.uuid4())
            body = {"mode": mode, "orders": orders, "faults": faults, "drink": "espresso"}
            if rate_per_second is not None:
                body["rate_per_second"] = rate_per_second
            status, answer = self.client.ask("PUT", f"/batches/{name}", body)
            assert status == 202, answer
            self.batches.append(name)

    def open_orders(self) -> int:
        """Orders without an end, by order's own rows."""
        return int(self.space.psql("order", "SELECT count(*) FROM orders WHERE ended_at IS NULL"))

    def wait_open(self, what: str) -> int:
        """Until at least OPEN_MIN orders are open; how many, printed."""

        def enough() -> int:
            try:
                count = self.open_orders()
            except CommandFailed:
                return 0  # Postgres is just coming back
            return count if count >= OPEN_MIN else 0

        count = int(wait_until(f"{OPEN_MIN} open orders before {what}", enough, 90))
        print(f"  {what}: {count} orders without an end")
        return count

    def cancel_rest(self) -> None:
        """Place no more of what is left of the batches: those that are placed go on."""
        for name in self.batches:
            stop = f"UPDATE batches SET orders = placed WHERE batch_id = '{name}'"  # noqa: S608
            self.space.psql("order", stop)

    def wait_ends(self, timeout_seconds: float) -> dict[str, int]:
        """Until every order of every batch is placed and has ended; the outcomes."""
        ours = "batch_id IN ({})".format(", ".join(f"'{name}'" for name in self.batches))
        missing = f"SELECT coalesce(sum(greatest(orders - placed, 0)), 0) FROM batches WHERE {ours}"  # noqa: S608
        began = time.monotonic()

        def done() -> bool:
            return self.space.psql("order", missing) == "0" and self.open_orders() == 0

        wait_until("every order to its end", done, timeout_seconds)
        ends = f"SELECT mode || ' ' || outcome, count(*) FROM orders WHERE {ours} GROUP BY 1"  # noqa: S608
        rows = self.space.psql("order", ends).split("\n")
        counts = {name: int(n) for name, _, n in (row.partition("|") for row in sorted(rows))}
        print(f"  ended {time.monotonic() - began:.0f} s after the last was asked for: {counts}")
        return counts


def audit(space: Namespace, name: str) -> str:
    """The audit in the cluster: nothing is broken, everything was judged. What it printed."""
    code, text = space.run_job(f"audit-{name}", f"{space.release}-audit")
    print("  " + text.strip().split("\n")[-1])
    assert code == 0, text
    assert "audit: 0 violations" in text
    return text
