"""Which orders may go for good: those that ended long ago, a batch only as a whole.

Their timelines go with them; what the choreographed ones were worth stays (of the others the
orchestrator says it). It must not know how old is old.
"""

from typing import Final

from sagakit.shell.ports import Connection

# The oldest are found by their age; one that is open for long is passed over each time.
_ENDED: Final = """
SELECT saga_id FROM orders
WHERE created_at < now() - make_interval(secs => $1) AND status <> 'RUNNING'
  AND ended_at < now() - make_interval(secs => $1) AND batch_id IS NULL
ORDER BY created_at, saga_id LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_BATCH: Final = """
SELECT batch_id FROM batches
WHERE created_at < now() - make_interval(secs => $1) AND (placed = orders OR cancel_asked)
  AND NOT EXISTS (SELECT FROM orders WHERE orders.batch_id = batches.batch_id
    AND (ended_at IS NULL OR ended_at >= now() - make_interval(secs => $1)))
ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_REMOVE: Final = """
WITH gone AS (
  DELETE FROM orders WHERE saga_id = ANY($1::text[]) AND status <> 'RUNNING'
  RETURNING saga_id, mode, currency, amount_cents, status),
drawn AS (DELETE FROM order_events WHERE saga_id = ANY($1::text[])),
kept AS (
  INSERT INTO pruned_orders AS known (currency, sagas, sold, sold_cents)
  SELECT currency, count(*), count(*) FILTER (WHERE status = 'SUCCESS'),
    coalesce(sum(amount_cents) FILTER (WHERE status = 'SUCCESS'), 0)
  FROM gone WHERE mode = 'choreo' GROUP BY currency
  ON CONFLICT (currency) DO UPDATE SET sagas = known.sagas + excluded.sagas,
    sold = known.sold + excluded.sold, sold_cents = known.sold_cents + excluded.sold_cents)
SELECT count(*) FROM gone
"""


class EndedOrders:
    """`Prunable`: orders of both modes with their timelines, and whole batches."""

    name: str = "ended orders"

    async def prune(self, connection: Connection, older_than_seconds: float, limit: int) -> int:
        """The oldest single orders, else the oldest batch with all of its own."""
        rows = await connection.fetch(_ENDED, older_than_seconds, limit)
        if rows:
            gone: int = await connection.fetchval(_REMOVE, [row[0] for row in rows])
            return gone
        batch_id = await connection.fetchval(_BATCH, older_than_seconds)
        if batch_id is None:
            return 0
        mine = await connection.fetch("SELECT saga_id FROM orders WHERE batch_id = $1", batch_id)
        await connection.fetchval(_REMOVE, [row[0] for row in mine])
        await connection.execute("DELETE FROM batches WHERE batch_id = $1", batch_id)
        return len(mine) + 1
