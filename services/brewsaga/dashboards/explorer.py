"""The saga explorer: single sagas, from order's own tables, with links to their page and trace.

It asks for what was heard last and not for a step: of an open choreographed saga the step follows
from its timeline.
"""

from typing import Final

from brewsaga.dashboards.grafana import POSTGRES, Dashboard, Panel, Query, Variable
from brewsaga.dashboards.questions import CHAOS, VARIABLES

SAGAS_MAX: Final = 200

_LONG: Final = "CASE o.mode WHEN 'choreo' THEN 'choreography' ELSE 'orchestration' END"
_CHOSEN: Final = f"{_LONG} ~ '^(${{mode:regex}})$'"
_UUID: Final = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_TRACE: Final = (
    f"CASE WHEN o.saga_id ~ '{_UUID}' THEN replace(lower(o.saga_id), '-', '')"
    " ELSE left(encode(sha256(convert_to(o.saga_id, 'UTF8')), 'hex'), 32) END"
)
_LAST: Final = (
    "LEFT JOIN LATERAL (SELECT e.event, e.heard_at FROM order_events AS e"
    " WHERE e.saga_id = o.saga_id ORDER BY e.heard_at DESC LIMIT 1) AS last ON true"
)
_LINKS: Final = (
    ("saga_id", "The saga's page", "${web}/sagas/${__value.raw}"),
    ("trace_id", "The saga's trace", "${traces}/trace/${__value.raw}"),
)

_SAGAS: Final = f"""
SELECT o.saga_id, {_LONG} AS mode, o.status, o.outcome, o.failure_reason, last.event AS heard_last,
  o.created_at, extract(epoch FROM coalesce(o.ended_at, now()) - o.created_at)::float8 AS took,
  {_TRACE} AS trace_id
FROM orders AS o {_LAST}
WHERE $__timeFilter(o.created_at) AND {_CHOSEN}
ORDER BY o.created_at DESC LIMIT {SAGAS_MAX}"""  # noqa: S608 - own words
_OPEN: Final = f"""
SELECT o.saga_id, {_LONG} AS mode, last.event AS heard_last, o.parked,
  extract(epoch FROM now() - o.created_at)::float8 AS open,
  extract(epoch FROM now() - coalesce(last.heard_at, o.created_at))::float8 AS silent,
  {_TRACE} AS trace_id
FROM orders AS o {_LAST}
WHERE o.status = 'RUNNING' AND {_CHOSEN}
ORDER BY o.created_at LIMIT {SAGAS_MAX}"""  # noqa: S608 - own words
_ENDS: Final = f"""
SELECT {_LONG} AS mode, coalesce(o.outcome, 'open') AS outcome, o.failure_reason, count(*) AS sagas
FROM orders AS o WHERE $__timeFilter(o.created_at) AND {_CHOSEN}
GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 50"""  # noqa: S608 - own words
_TIMELINE: Final = """
SELECT heard_at, event, reference, reason, occurred_at, repeats FROM order_events
WHERE saga_id = ${saga:sqlstring} ORDER BY heard_at, event"""

SAGAS: Final = Panel(
    "Sagas",
    f"The youngest {SAGAS_MAX} of the time shown, with what was heard of them last.",
    "s",
    (Query(_SAGAS.strip()),),
    kind="table",
    width=24,
    source=POSTGRES,
    links=_LINKS,
)
OPEN: Final = Panel(
    "Open longest",
    "Sagas without an end, whenever they began, the oldest first; silent is how long nothing new "
    "was heard.",
    "s",
    (Query(_OPEN.strip()),),
    kind="table",
    width=12,
    source=POSTGRES,
    links=_LINKS,
)
ENDS: Final = Panel(
    "How they ended",
    "Sagas that began in the time shown, by their end and the reason that is stored.",
    "short",
    (Query(_ENDS.strip()),),
    kind="table",
    width=12,
    source=POSTGRES,
)
TIMELINE: Final = Panel(
    "What was heard of one saga",
    "The timeline of the choreographed saga whose id stands above; an orchestrated one's is on "
    "its page.",
    "short",
    (Query(_TIMELINE.strip()),),
    kind="table",
    width=24,
    source=POSTGRES,
)

EXPLORER: Final = Dashboard(
    "brewsaga-explorer",
    "BrewSaga / Saga explorer",
    "Single sagas from order's database; a read-only role on it is enough.",
    (
        ("Sagas", (SAGAS,)),
        ("Open, and how the others ended", (OPEN, ENDS)),
        ("One saga", (TIMELINE,)),
    ),
    (
        *VARIABLES,
        Variable("saga", "saga id", "textbox", ""),
        Variable("web", "address of order's page", "textbox", "http://127.0.0.1:8081"),
        Variable("traces", "address of the traces", "textbox", "http://127.0.0.1:16686"),
    ),
    CHAOS,
)
