"""Events: a milestone is told once, and its loss is borne, since what it says is in the status."""

import logging
from collections.abc import Mapping
from typing import Any

from brewsaga_operator import objects
from brewsaga_operator.cluster import ApiError, Cluster, core
from brewsaga_operator.objects import utc_now
from brewsaga_operator.plan import Milestone

log = logging.getLogger(__name__)


async def tell(cluster: Cluster, body: Mapping[str, Any], told: Milestone) -> None:
    """Make the event; one that is there was told before."""
    event = objects.event_of(body, told, utc_now())
    try:
        await cluster.create(core("events", body["metadata"]["namespace"]), event)
    except ApiError as error:
        if not error.exists:
            log.warning("an event is lost: %s", error)
