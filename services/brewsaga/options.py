"""What the modules of commands share: options of one name and kind, and how a command is run.

It must not import what a command needs: that is imported when the command runs.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from brewsaga.errors import CommandError, Exit

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from saga.contract import Mode

ORDER_URL_VARIABLE: Final = "ORDER_URL"
WAIT_SECONDS: Final = 60.0


class Output(StrEnum):
    """How something is printed."""

    TABLE = "table"
    JSON = "json"


class ListOutput(StrEnum):
    """How a list of sagas is printed."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    NAME = "name"


Url = Annotated[
    str, typer.Option("--url", envvar=ORDER_URL_VARIABLE, help="The order service's API.")
]
SagaId = Annotated[str, typer.Argument(metavar="ID", help="The saga's id.")]
Shape = Annotated[Output, typer.Option("-o", "--output", help="How to print it.")]
Prefix = Annotated[str, typer.Option(envvar="TOPIC_PREFIX", help="Before each topic.")]
UrlFolder = Annotated[
    str, typer.Option(help="Folder with a file a service that holds its DATABASE_URL.")
]
Token = Annotated[str, typer.Option(envvar="API_TOKEN_FILE", help="File with the API's token.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait at most.")]


def default_url() -> str:
    """Where order listens on one machine."""
    from brewsaga.api_client import ORDER_URL

    return ORDER_URL


def run_command(command: "Coroutine[object, object, Exit]") -> None:
    """Run a command to its exit code."""
    import asyncio

    raise typer.Exit(asyncio.run(command))


def modes_of(text: str) -> "tuple[Mode, ...]":
    """Both, or the one that is named. Raises CommandError."""
    from saga.contract import Mode

    if text.lower() == "both":
        return tuple(Mode)
    try:
        return (Mode.parse(text),)
    except ValueError as error:
        raise CommandError(str(error), "brewsaga place --mode both", Exit.USAGE) from error
