"""Whether this process tells of its work in traces: off, and free, until an endpoint is set.

What tells them is in `traced` and needs an extra (`pip install .[otel]`). It is imported only where
an endpoint is set; this module knows no tracing library.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sagakit.shell.ports import Handler
from sagakit.shell.publisher import Publisher
from sagakit.shell.settings import KitSettings


def _as_it_is(handler: Handler[Any]) -> Handler[Any]:
    return handler


async def _nothing() -> None:
    """There is nothing to send before the end."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """How a process is put together so that its work is told; as it comes, that it is not."""

    publisher: Callable[..., Publisher] = Publisher
    handler: Callable[[Handler[Any]], Handler[Any]] = _as_it_is
    stop: Callable[[], Any] = _nothing


OFF: Final = Tracing()


def tracing(service: str, settings: KitSettings) -> Tracing:
    """How this process is put together, as its settings say."""
    if not settings.is_traced:
        return OFF
    # Imported here: whoever tells no traces needs no library of theirs.
    from sagakit.shell.traced import open_traces  # noqa: PLC0415

    return open_traces(service, settings)
