"""What the loop does with one batch, for tests that have a database and no loop."""

from collections.abc import Sequence
from typing import Any

from sagakit.shell.ports import Connection, Handled, Handler, Message
from sagakit.shell.writes import write


async def work(
    connection: Connection, handler: Handler[Any], messages: Sequence[Message[Any]]
) -> Handled:
    """Load, decide, write, and tell the handler. Raises Conflict."""
    handled = await handler.handle(connection, messages)
    handled.measured = await write(connection, handled.writes)
    await handler.committed(connection, handled)
    return handled
