"""Before the operator is uninstalled: every experiment that has not ended is aborted, and awaited.

Run by the chart as a hook while the operator still works (`python -m brewsaga_operator leave`): it
takes the faults back, and with the experiments' ends their finalizers go. What has not ended in
time is named, and does not hold up the uninstall: each fault ends by itself, and the README says
how to take a finalizer away.
"""

import asyncio
import logging
from typing import Any, Final

from brewsaga_operator import names
from brewsaga_operator.cluster import ApiError, Cluster, custom
from brewsaga_operator.statuses import ExperimentPhase

WAIT_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


async def leave(cluster: Cluster, namespaces: list[str]) -> list[str]:
    """Abort all, wait; the names of those that have not ended."""
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while True:
        known = await cluster.list_all(names.EXPERIMENTS, namespaces)
        left = [one for one in known if not _has_ended(one)]
        for one in left:
            await _abort(cluster, one["metadata"])
        if not left or asyncio.get_running_loop().time() > deadline:
            return [f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in left]
        await asyncio.sleep(LOOK_SECONDS)


def _has_ended(body: dict[str, Any]) -> bool:
    status = body.get("status") or {}
    is_over: bool = status.get("phase") == ExperimentPhase.FINISHED.value
    return is_over and names.FINALIZER not in body["metadata"].get("finalizers", [])


async def _abort(cluster: Cluster, meta: dict[str, Any]) -> None:
    path = custom(names.EXPERIMENTS, meta["namespace"], meta["name"])
    try:
        await cluster.merge(path, {"spec": {"abort": True}})
    except ApiError as error:
        if not error.is_gone:
            log.warning("%s cannot be aborted: %s", meta["name"], error)
