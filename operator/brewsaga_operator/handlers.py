"""kopf's part: it watches, and notes what it hears. Nothing is decided here.

A BrewSaga has an event handler alone. Any other kind would write into the object, and a daemon's
finalizer would keep it from being deleted while the operator is away.
"""

from typing import Any, Protocol

import kopf

from brewsaga_operator import names
from brewsaga_operator.cluster import log_in


class Watched(Protocol):
    """Who is told of objects."""

    def seen(self, body: Any) -> None:
        """An object is there, or has changed."""

    def gone(self, uid: str) -> None:
        """An object is deleted."""


SERVER_TIMEOUT_SECONDS = 60
"""How long one watch lasts: a connection that died silently is found out by then."""
CLIENT_TIMEOUT_SECONDS = 70
CONNECT_TIMEOUT_SECONDS = 5


def registry_of(sagas: Watched) -> kopf.OperatorRegistry:
    """The handlers, in a registry of their own: nothing is registered at import."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo:
        return log_in(settings)

    _watch(registry, names.SAGAS, sagas)
    return registry


def _watch(registry: kopf.OperatorRegistry, plural: str, watched: Watched) -> None:
    @kopf.on.event(names.GROUP, names.VERSION, plural, id=plural, registry=registry)
    async def heard(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's word
        if type == "DELETED":
            watched.gone(body["metadata"]["uid"])
        else:
            watched.seen(dict(body))


def kopf_settings() -> kopf.OperatorSettings:
    """Kopf as we use it: alone, quiet, and with watches that end."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.server_timeout = SERVER_TIMEOUT_SECONDS
    settings.watching.client_timeout = CLIENT_TIMEOUT_SECONDS
    settings.watching.connect_timeout = CONNECT_TIMEOUT_SECONDS
    settings.networking.request_timeout = CONNECT_TIMEOUT_SECONDS * 2
    return settings
