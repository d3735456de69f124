"""Payment's promises of its own rows, as the live audit asks for them. It changes nothing."""

from typing import Final

from sagakit.shell.live_audit import Promises

LEDGER_BALANCES: Final = "ledger_balances"
CHARGED_ONCE: Final = "charged_once"
PAYS_ITS_PRICE: Final = "pays_its_price"

_PAGE: Final = "SELECT saga_id FROM payments WHERE saga_id > $1 ORDER BY saga_id LIMIT $2"
_JUDGE: Final = f"""
SELECT p.saga_id, p.mode, promise.name FROM payments AS p
 CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE kind = 'charge') AS charges,
        count(*) FILTER (WHERE kind = 'refund') AS refunds,
        coalesce(sum(amount_cents), 0) AS balance,
        coalesce(sum(amount_cents) FILTER (WHERE account = 'shop'), 0) AS income
      FROM ledger WHERE ledger.saga_id = p.saga_id) AS paid
 CROSS JOIN LATERAL (VALUES
    ('{LEDGER_BALANCES}', balance <> 0),
    ('{CHARGED_ONCE}', charges NOT IN (0, 2) OR refunds NOT IN (0, 2) OR refunds > charges),
    ('{PAYS_ITS_PRICE}', (charges > 0) <> (p.outcome IN ('DONE', 'OWED', 'UNDONE'))
        OR (refunds > 0) <> (p.outcome = 'UNDONE')
        OR income <> CASE WHEN p.outcome IN ('DONE', 'OWED') THEN p.amount_cents ELSE 0 END)
    ) AS promise (name, is_broken)
 WHERE p.saga_id = ANY($1::text[]) AND promise.is_broken"""  # noqa: S608 - our own names

PROMISES: Final = Promises(
    ("choreo", "orch"), (LEDGER_BALANCES, CHARGED_ONCE, PAYS_ITS_PRICE), _PAGE, _JUDGE
)
