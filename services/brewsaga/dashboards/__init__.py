"""The dashboards, as code: questions to the register's metrics, rendered to what Grafana reads.

Pure but for `push`, which puts them into a Grafana that somebody has. The chart delivers the same
files. A dashboard names no data source of anyone's.
"""

import json
from typing import Final

from brewsaga.dashboards.chaos import CHAOS_BOARD
from brewsaga.dashboards.explorer import EXPLORER
from brewsaga.dashboards.grafana import Dashboard, Json, rendered
from brewsaga.dashboards.modes import MODES
from brewsaga.dashboards.overview import OVERVIEW
from brewsaga.dashboards.plumbing import PLUMBING

EVERY: Final[tuple[Dashboard, ...]] = (OVERVIEW, PLUMBING, MODES, CHAOS_BOARD, EXPLORER)


def boards() -> list[Json]:
    """Each dashboard as Grafana reads it."""
    return [rendered(one) for one in EVERY]


def described() -> dict[str, str]:
    """Each file's name and text."""
    return {
        f"{board['uid']}.json": json.dumps(board, indent=2, ensure_ascii=False) + "\n"
        for board in boards()
    }
