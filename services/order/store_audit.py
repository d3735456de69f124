"""Order's promises of its own rows, as the live audit asks for them. It changes nothing."""

from typing import Final

from saga import contract
from sagakit.shell.live_audit import Promises

ONE_END: Final = "one_end"
END_IS_WHOLE: Final = "end_is_whole"

_DELIVERED: Final = contract.SHIPMENT_SCHEDULED.event
_FAILED: Final = f"'{contract.PAYMENT_FAILED.event}', '{contract.PAYMENT_REFUNDED.event}'"

_PAGE: Final = "SELECT saga_id FROM orders WHERE saga_id > $1 ORDER BY saga_id LIMIT $2"
_JUDGE: Final = f"""
SELECT o.saga_id, o.mode, promise.name FROM orders AS o
 CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(event = '{_DELIVERED}'), false) AS delivered,
        coalesce(bool_or(event IN ({_FAILED})), false) AS failed
      FROM order_events WHERE order_events.saga_id = o.saga_id) AS told
 CROSS JOIN LATERAL (VALUES
    ('{ONE_END}', (delivered AND failed) OR (o.status = 'SUCCESS' AND failed)
        OR (o.status = 'FAILED' AND delivered)),
    ('{END_IS_WHOLE}', (o.status = 'RUNNING') <> (o.outcome IS NULL)
        OR (o.status = 'RUNNING') = (o.current_step = 'DONE')
        OR (o.status = 'SUCCESS') <> coalesce(o.outcome = 'completed', false))
    ) AS promise (name, is_broken)
 WHERE o.saga_id = ANY($1::text[]) AND promise.is_broken"""  # noqa: S608 - our own names

PROMISES: Final = Promises(("choreo", "orch"), (ONE_END, END_IS_WHOLE), _PAGE, _JUDGE)
