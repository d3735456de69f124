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


class Runs(Protocol):
    """Who runs an experiment to its end."""

    def seen(self, body: Any) -> None:
        """An object is there, or has changed."""

    def gone(self, uid: str) -> None:
        """An object is deleted."""

    async def run(self, body: Any, stop: Any) -> None:
        """Until it has ended, or `stop` is set."""


SERVER_TIMEOUT_SECONDS = 60
"""How long one watch lasts: a connection that died silently is found out by then."""
CLIENT_TIMEOUT_SECONDS = 70
CONNECT_TIMEOUT_SECONDS = 5
EXIT_SECONDS = 2.0
"""How long kopf waits at once for a daemon that it has told to stop."""
LOOK_WHETHER_IT_ENDED_SECONDS = 1.0
"""Where a daemon takes longer, so often kopf looks again. No grace is given instead: kopf would
sleep through all of it if the daemon ends a moment after its last write was seen.
"""
BACKOFF_SECONDS = 2.0
"""After an error of our own making an experiment goes on where its status says."""


def registry_of(sagas: Watched, experiments: Runs) -> kopf.OperatorRegistry:
    """The handlers, in a registry of their own: nothing is registered at import."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo:
        return log_in(settings)

    _watch(registry, names.SAGAS, sagas)
    _run(registry, experiments)
    return registry


def _watch(registry: kopf.OperatorRegistry, plural: str, watched: Watched) -> None:
    @kopf.on.event(names.GROUP, names.VERSION, plural, id=plural, registry=registry)
    async def heard(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's word
        if type == "DELETED":
            watched.gone(body["metadata"]["uid"])
        else:
            watched.seen(dict(body))


def _run(registry: kopf.OperatorRegistry, experiments: Runs) -> None:
    """A daemon while the experiment has not ended: kopf then holds it with a finalizer, so that it
    does not go before its fault is taken back. The way out of a finalizer that no operator takes
    away is in the operator's README.
    """
    _watch(registry, names.EXPERIMENTS, experiments)

    def is_open(status: kopf.Status, **_: Any) -> bool:
        return status.get("phase") != "Finished"

    @kopf.daemon(
        names.GROUP,
        names.VERSION,
        names.EXPERIMENTS,
        id="run",
        registry=registry,
        when=is_open,
        cancellation_polling=LOOK_WHETHER_IT_ENDED_SECONDS,
        backoff=BACKOFF_SECONDS,
    )
    async def run(body: kopf.Body, stopped: kopf.DaemonStopped, **_: Any) -> None:
        await experiments.run(body, stopped)


def kopf_settings() -> kopf.OperatorSettings:
    """Kopf as we use it: alone, quiet, and with watches that end."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.background.instant_exit_timeout = EXIT_SECONDS
    settings.persistence.finalizer = names.FINALIZER
    storage = kopf.AnnotationsProgressStorage(prefix=names.GROUP, v1=False)
    settings.persistence.progress_storage = storage
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(
        prefix=names.GROUP, v1=False
    )
    settings.watching.server_timeout = SERVER_TIMEOUT_SECONDS
    settings.watching.client_timeout = CLIENT_TIMEOUT_SECONDS
    settings.watching.connect_timeout = CONNECT_TIMEOUT_SECONDS
    settings.networking.request_timeout = CONNECT_TIMEOUT_SECONDS * 2
    return settings
