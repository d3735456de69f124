"""The page that lists every metric, drawn from the register, so that the two cannot disagree.

Pure: the register in, text out.
"""

from collections.abc import Sequence
from typing import Final

from saga.contract import DATABASES
from saga.metrics import EVERY, EXPORTED
from sagakit.shell.metrics import LOOP, NAMESPACE, Declaration

_OF_LOOP: Final = {declaration.name for declaration in LOOP}
_BEGINNING: Final = """\
# Metrics

Every service answers `GET /metrics` on `METRICS_PORT`. No id is ever a label (ids go to logs and
traces), so the number of series does not grow with the number of sagas. What can be counted begins
at 0. A gauge of a database is shown by every replica that reads it: read it by `max by`, never by
`sum`. Of what may wait its time is told and not its age (`time() - …` is the age), and where
nothing waits there is no series.

Generated from `services/saga/metrics.py` by `make generate`.
"""


def page() -> str:
    """The page as it is committed."""
    parts = [("Sagas", _declared(in_loop=False)), ("Messages and outbox", _declared(in_loop=True))]
    return "\n".join([_BEGINNING, *(_part(title, rows) for title, rows in parts)])


def _declared(*, in_loop: bool) -> list[Declaration]:
    return [one for one in EVERY if (one.name in _OF_LOOP) is in_loop]


def _part(title: str, declared: Sequence[Declaration]) -> str:
    head = [
        f"## {title}\n",
        "| name | type | labels | said by | what it says |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *map(_row, declared)]) + "\n"


def _row(one: Declaration) -> str:
    labels = ", ".join(one.labels)
    name = f"`{NAMESPACE}_{one.name}`"
    return f"| {name} | {one.kind} | {labels} | {_said_by(one.name)} | {_help(one)} |"


def _said_by(name: str) -> str:
    if name in _OF_LOOP:
        return "every service"
    services = [service for service in DATABASES if name in EXPORTED[service]]
    return ", ".join(services) or "the operator"


def _help(one: Declaration) -> str:
    if one.kind != "histogram":
        return one.help
    return f"{one.help} Up to {', '.join(f'{edge:g}' for edge in one.buckets)} s."
