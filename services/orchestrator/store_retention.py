"""Which sagas may go for good: those that ended long ago, with their history.

A day later than order's rows of the same age, so that order never lacks the saga of an order that
it still has. What they were worth stays. It must not know how old is old.
"""

from typing import Final

from sagakit.shell.ports import Connection

LATER_SECONDS: Final = 86_400.0

_REMOVE: Final = """
WITH old AS (
  SELECT saga_id FROM saga_state
  WHERE created_at < now() - make_interval(secs => $1) AND status <> 'RUNNING'
    AND updated_at < now() - make_interval(secs => $1)
  ORDER BY created_at, saga_id LIMIT $2 FOR UPDATE SKIP LOCKED),
gone AS (
  DELETE FROM saga_state WHERE saga_id IN (SELECT saga_id FROM old)
  RETURNING saga_id, currency, amount_cents, status),
drawn AS (DELETE FROM saga_history WHERE saga_id IN (SELECT saga_id FROM old)),
kept AS (
  INSERT INTO pruned_sagas AS known (currency, sagas, sold, sold_cents)
  SELECT currency, count(*), count(*) FILTER (WHERE status = 'SUCCESS'),
    coalesce(sum(amount_cents) FILTER (WHERE status = 'SUCCESS'), 0)
  FROM gone GROUP BY currency
  ON CONFLICT (currency) DO UPDATE SET sagas = known.sagas + excluded.sagas,
    sold = known.sold + excluded.sold, sold_cents = known.sold_cents + excluded.sold_cents)
SELECT count(*) FROM gone
"""


class EndedSagas:
    """`Prunable`: ended sagas with their histories."""

    name: str = "ended sagas"

    async def prune(self, connection: Connection, older_than_seconds: float, limit: int) -> int:
        """The oldest."""
        seconds = older_than_seconds + LATER_SECONDS
        gone: int = await connection.fetchval(_REMOVE, seconds, limit)
        return gone
