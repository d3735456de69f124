"""The orchestrator's promises of its own rows, as the live audit asks for them.

It changes nothing.
"""

from typing import Final

from sagakit.shell.live_audit import Promises

ONE_END: Final = "one_end"
ONE_VERSION_A_WRITE: Final = "one_version_a_write"
STANDS_WHERE_IT_WENT: Final = "stands_where_it_went"

_PAGE: Final = "SELECT saga_id FROM saga_state WHERE saga_id > $1 ORDER BY saga_id LIMIT $2"
_JUDGE: Final = f"""
SELECT s.saga_id, 'orch', promise.name FROM saga_state AS s
 CROSS JOIN LATERAL (
    SELECT count(*) AS entries, max(version) AS last,
        count(*) FILTER (WHERE target LIKE 'DONE/%') AS ends,
        count(*) FILTER (WHERE source LIKE 'DONE%') AS departures,
        (array_agg(target ORDER BY version DESC))[1] AS target
      FROM saga_history WHERE saga_history.saga_id = s.saga_id) AS history
 CROSS JOIN LATERAL (VALUES
    ('{ONE_END}', departures > 0 OR ends <> CASE WHEN s.status = 'RUNNING' THEN 0 ELSE 1 END),
    ('{ONE_VERSION_A_WRITE}', entries <> s.version OR last IS DISTINCT FROM s.version),
    ('{STANDS_WHERE_IT_WENT}', target IS DISTINCT FROM
        CASE WHEN s.current_step = 'DONE' THEN 'DONE/' || s.status ELSE s.current_step END)
    ) AS promise (name, is_broken)
 WHERE s.saga_id = ANY($1::text[]) AND promise.is_broken"""  # noqa: S608 - our own names

PROMISES: Final = Promises(
    ("orch",), (ONE_END, ONE_VERSION_A_WRITE, STANDS_WHERE_IT_WENT), _PAGE, _JUDGE
)
