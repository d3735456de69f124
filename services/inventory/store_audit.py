"""Inventory's promises of its own rows, as the live audit asks for them. It changes nothing."""

from typing import Final

from sagakit.shell.live_audit import Promises

HELD_AS_DECIDED: Final = "held_as_decided"
STOCK_CONSERVED: Final = "stock_conserved"

_PAGE: Final = "SELECT saga_id FROM reservations WHERE saga_id > $1 ORDER BY saga_id LIMIT $2"
_JUDGE: Final = f"""
SELECT r.saga_id, r.mode, '{HELD_AS_DECIDED}' FROM reservations AS r
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(units) FILTER (WHERE kind = 'reserve'), 0) AS reserved,
        coalesce(sum(units) FILTER (WHERE kind = 'release'), 0) AS released
      FROM stock_moves WHERE stock_moves.saga_id = r.saga_id
        AND kind IN ('reserve', 'release')) AS moved
 WHERE r.saga_id = ANY($1::text[]) AND (
    (reserved > 0) <> (r.outcome IN ('DONE', 'OWED', 'UNDONE'))
    OR released <> CASE WHEN r.outcome = 'UNDONE' THEN reserved ELSE 0 END)"""  # noqa: S608 - as said

# The shelf is no mode's: what is wrong with it is shown with both.
_WHOLE: Final = f"""
SELECT ingredient, mode, '{STOCK_CONSERVED}' FROM stock AS s
 CROSS JOIN (VALUES ('choreo'), ('orch')) AS shown (mode)
 WHERE available < 0 OR reserved < 0 OR available + reserved <> (
    SELECT coalesce(sum(units), 0) FROM stock_moves
     WHERE stock_moves.ingredient = s.ingredient AND kind IN ('initial', 'refill'))"""  # noqa: S608

PROMISES: Final = Promises(
    ("choreo", "orch"), (HELD_AS_DECIDED, STOCK_CONSERVED), _PAGE, _JUDGE, _WHOLE
)
