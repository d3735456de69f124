"""Shipment's promise of its own rows, as the live audit asks for it. It changes nothing."""

from typing import Final

from sagakit.shell.live_audit import Promises

SENT_AS_DECIDED: Final = "sent_as_decided"

_PAGE: Final = "SELECT saga_id FROM shipments WHERE saga_id > $1 ORDER BY saga_id LIMIT $2"
_JUDGE: Final = f"""
SELECT s.saga_id, s.mode, '{SENT_AS_DECIDED}' FROM shipments AS s
 WHERE s.saga_id = ANY($1::text[]) AND (s.outcome = 'DONE') <> EXISTS (
    SELECT FROM assignments WHERE assignments.saga_id = s.saga_id)"""  # noqa: S608 - our own name

PROMISES: Final = Promises(("choreo", "orch"), (SENT_AS_DECIDED,), _PAGE, _JUDGE)
