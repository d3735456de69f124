"""The command line: names, options and exit codes of every command, and nothing else.

Whatever a command needs is imported when it runs, so that `--help` stays quick. stdout is data,
stderr progress; every error ends with the next command to try.
"""

import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from brewsaga import repair_cli
from brewsaga.errors import CommandError, Exit
from brewsaga.project_commands import project

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from saga.contract import Mode

app = typer.Typer(
    help="Sagas over Kafka that lose nothing, in choreography and in orchestration.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: drawing it costs more than all the rest
    pretty_exceptions_enable=False,
)

ORDER_URL_VARIABLE: Final = "ORDER_URL"
WAIT_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 300.0


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
Timeout = Annotated[float, typer.Option(help="Seconds to wait at most.")]


def _default_url() -> str:
    from brewsaga.api_client import ORDER_URL

    return ORDER_URL


def _metric_names() -> list[str]:
    from brewsaga.scrape import NAMES

    return list(NAMES)


def _run(command: "Coroutine[object, object, Exit]") -> None:
    """Run a command to its exit code."""
    import asyncio

    raise typer.Exit(asyncio.run(command))


def _modes(text: str) -> "tuple[Mode, ...]":
    from saga.contract import Mode

    if text.lower() == "both":
        return tuple(Mode)
    try:
        return (Mode.parse(text),)
    except ValueError as error:
        raise CommandError(str(error), "brewsaga place --mode both", Exit.USAGE) from error


@app.command()
def up(
    mode: Annotated[
        str, typer.Option(help="choreo, orch or both: what the services serve.")
    ] = "both",
) -> None:
    """Start everything on this machine; Ctrl-C leaves nothing behind."""
    from brewsaga.machine import up as start

    _modes(mode)
    raise typer.Exit(start(mode))


@app.command()
def place(
    mode: Annotated[str, typer.Option("-m", "--mode", help="choreo, orch or both.")] = "choreo",
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Orders a mode.")] = 1,
    rate: Annotated[float, typer.Option(min=0, help="Orders a second; 0: no pause.")] = 0.0,
    drink: Annotated[str, typer.Option(help="espresso, flat-white or geisha.")] = "espresso",
    quantity: Annotated[int, typer.Option(min=1, max=1_000)] = 1,
    customer: Annotated[str, typer.Option(help="Who orders.")] = "alice",
    fail: Annotated[str, typer.Option(help="Step to refuse: payment, inventory or shipment.")] = "",
    faults: Annotated[
        str, typer.Option(help="Faults as text: shipment=30;refund=50,delay:3s")
    ] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the ends.")] = False,
    timeout: Timeout = WAIT_SECONDS,
    token_file: Annotated[
        str, typer.Option(envvar="API_TOKEN_FILE", help="File with the API's token.")
    ] = "",
    url: Url = "",
) -> None:
    """Place orders; a line each on stdout."""
    from brewsaga.commands import PlaceRequest
    from brewsaga.commands import place as run

    asked = ";".join(part for part in (f"{fail}=100" if fail else "", faults) if part)
    order = {"customer_id": customer, "drink": drink, "quantity": quantity, "faults": asked}
    request = PlaceRequest(_modes(mode), count, rate, order, wait, timeout)
    _run(run(url or _default_url(), request, token_file))


@app.command("list")
def list_sagas(
    mode: Annotated[
        str,
        typer.Option(
            "-m",
            "--mode",
            help="choreo or orch; both without.",
            autocompletion=lambda: ["choreo", "orch"],
        ),
    ] = "",
    status: Annotated[
        str,
        typer.Option(
            "-s",
            "--status",
            help="RUNNING, SUCCESS, FAILED.",
            autocompletion=lambda: ["running", "success", "failed"],
        ),
    ] = "",
    stuck: Annotated[
        bool, typer.Option("--stuck", help="Open, and nothing new learnt for two minutes.")
    ] = False,
    since: Annotated[
        str, typer.Option(help="Placed since: 10m, 2h, or a time with its zone.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Rows at most.")] = 50,
    output: Annotated[ListOutput, typer.Option("-o", "--output", help="How to print it.")] = (
        ListOutput.TABLE
    ),
    watch: Annotated[bool, typer.Option("--watch", help="Each second anew, until Ctrl-C.")] = False,
    url: Url = "",
) -> None:
    """List sagas, newest first."""
    from brewsaga.commands import list_sagas as run

    query = {
        "mode": mode or None,
        "status": status.upper() or None,
        "stuck": "true" if stuck else None,
        "since": since or None,
    }
    _run(run(url or _default_url(), output.value, limit, query, again=watch))


@app.command()
def show(saga_id: SagaId, output: Shape = Output.TABLE, url: Url = "") -> None:
    """Show where one saga stands."""
    from brewsaga.commands import show as run

    _run(run(url or _default_url(), saga_id, output.value))


@app.command()
def timeline(saga_id: SagaId, output: Shape = Output.TABLE, url: Url = "") -> None:
    """Draw what happened to one saga."""
    from brewsaga.commands import timeline as run

    _run(run(url or _default_url(), saga_id, output.value))


@app.command()
def watch(saga_id: SagaId, timeout: Timeout = WAIT_SECONDS, url: Url = "") -> None:
    """Follow one saga until it ends."""
    from brewsaga.commands import watch as run

    _run(run(url or _default_url(), saga_id, timeout))


@app.command()
def top(
    once: Annotated[bool, typer.Option("--once", help="Print it once; live otherwise.")] = False,
    output: Shape = Output.TABLE,
    url: Url = "",
) -> None:
    """Show how many sagas are in which step, in both modes, live."""
    from brewsaga.top import top as run

    _run(run(url or _default_url(), output.value, once=once))


@app.command()
def metrics(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="All without any.", autocompletion=_metric_names),
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="HOST:PORT of a service's metrics; several times.")
    ] = None,
    output: Shape = Output.TABLE,
) -> None:
    """Print what the services of this machine count now; what is 0 is left out, but for JSON."""
    from brewsaga.scrape import metrics as run

    _run(run(names or (), target or (), output.value))


@app.command()
def audit(
    database: Annotated[
        list[str] | None, typer.Option(help="SERVICE=URL, as often as there are databases.")
    ] = None,
    databases: UrlFolder = "",
    bootstrap: Annotated[str, typer.Option(help="Kafka's address.")] = "",
    prefix: Prefix = "saga-",
) -> None:
    """Judge every promise from databases and topics alone; without options those of `make up`.

    With --databases the KAFKA_… variables say how to get into Kafka.
    """
    from brewsaga.checks import audit as run
    from brewsaga.checks import audit_in_cluster

    if databases:
        raise typer.Exit(audit_in_cluster(databases, prefix))
    raise typer.Exit(run(tuple(database or ()), bootstrap, prefix))


@app.command()
def migrate(
    databases: UrlFolder,
    admin_url_file: Annotated[
        str,
        typer.Option(envvar="POSTGRES_ADMIN_URL_FILE", help="File with the URL of the owner."),
    ],
    readers: Annotated[
        str, typer.Option(help="Such a folder too: who may read all and write nothing.")
    ] = "",
    create: Annotated[
        bool, typer.Option(help="Make databases and roles; else they are there.")
    ] = True,
    patience: Annotated[float, typer.Option(help="Seconds to wait for Postgres.")] = 300.0,
) -> None:
    """Bring databases, roles, rights and tables up to date, in a cluster; safe to repeat."""
    from brewsaga.in_cluster import migrate as run

    raise typer.Exit(
        run(admin_url_file, databases, readers, create=create, patience_seconds=patience)
    )


@app.command("create-topics")
def create_topics(
    partitions: Annotated[int, typer.Option(min=1, max=1_000)] = 3,
    replication: Annotated[int, typer.Option(min=0, max=9, help="0: the broker's default.")] = 0,
    prefix: Prefix = "saga-",
) -> None:
    """Make every topic on the Kafka that the KAFKA_… variables name; safe to repeat."""
    from brewsaga.in_cluster import make_topics

    raise typer.Exit(make_topics(prefix, partitions, replication))


@app.command()
def doctor(url: Url = "") -> None:
    """Say what can be reached and what to do if not."""
    from brewsaga.checks import doctor as run

    raise typer.Exit(run(url or _default_url()))


@app.command()
def demo(
    orders: Annotated[int, typer.Option(min=12, max=2_000, help="Orders a mode.")] = 60,
    seed: Annotated[str, typer.Option(help="Which orders fail.")] = "brewsaga-110",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder.")] = False,
) -> None:
    """Start all of it in a folder of its own, run orders in both modes, audit, and clean up."""
    from brewsaga.demo import demo as run

    raise typer.Exit(run(orders, seed, keep=keep))


@app.command()
def bench(
    sagas: Annotated[int, typer.Option(min=500, max=100_000, help="Saturated, a mode.")] = 20_000,
    alone: Annotated[int, typer.Option(min=20, max=5_000, help="One at a time, a mode.")] = 200,
    repetitions: Annotated[int, typer.Option(min=1, max=20)] = 3,
    result: Annotated[str, typer.Option(help="Where the figures go (JSON).")] = "bench-result.json",
) -> None:
    """Measure sagas a second when saturated and latency at one in flight, in both modes."""
    from pathlib import Path

    from brewsaga.bench import run

    run(sagas, alone, repetitions, Path(result))


@app.command()
def overload(
    mode: Annotated[str, typer.Option(help="choreo, orch or both.")] = "both",
    seconds: Annotated[float, typer.Option(min=10, max=600, help="At twice the rate.")] = 120.0,
    max_in_flight: Annotated[int | None, typer.Option(min=1, help="Orders open at once.")] = None,
    result: Annotated[str, typer.Option(help="The figures (JSON).")] = "overload-result.json",
) -> None:
    """Place twice as many orders as can be served, and see that all that are accepted end."""
    from pathlib import Path

    from brewsaga.overload import run

    kept = run(_modes(mode), seconds, max_in_flight, Path(result))
    raise typer.Exit(0 if kept else 1)


@app.command("run", context_settings={"ignore_unknown_options": True})
def run_service(
    service: Annotated[str, typer.Argument(help="payment, inventory, shipment, order, …")],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Given to the service after --.")
    ] = None,
    mode: Annotated[str, typer.Option(help="choreo, orch or both.")] = "both",
) -> None:
    """Run one service in this terminal against the stack of `make up`."""
    from brewsaga.machine import become_service

    _modes(mode)
    become_service(service, mode, arguments or ())


@app.command("db-init")
def db_init() -> None:
    """Make the databases with their roles and tables."""
    from brewsaga.machine import init_databases

    raise typer.Exit(init_databases())


@app.command("topics")
def topics() -> None:
    """Make every topic of both modes."""
    from brewsaga.machine import create_topics

    raise typer.Exit(create_topics())


@app.command("saga-list")
def saga_list(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Rows at most.")] = 50,
    url: Annotated[str, typer.Option(envvar="ORCHESTRATOR_URL", help="Its API.")] = "",
) -> None:
    """List the orchestrator's sagas, also those that order does not know."""
    from brewsaga.commands import list_states as run

    _run(run(url, limit))


intake = typer.Typer(help="Whether new orders are taken, by mode.", no_args_is_help=True)
app.add_typer(intake, name="intake")
IntakeMode = Annotated[str, typer.Option("-m", "--mode", help="choreo, orch or both.")]
Token = Annotated[str, typer.Option(envvar="API_TOKEN_FILE", help="File with the API's token.")]


@intake.command("pause")
def intake_pause(
    mode: IntakeMode = "choreo",
    reason: Annotated[str, typer.Option(help="Told to all who find it paused.")] = "",
    token_file: Token = "",
    url: Url = "",
) -> None:
    """Take no new orders of a mode; what is open goes on."""
    from brewsaga.intake import put

    _run(put(url or _default_url(), _modes(mode), token_file, reason, paused=True))


@intake.command("drain")
def intake_drain(
    mode: IntakeMode = "choreo", timeout: Timeout = DRAIN_SECONDS, url: Url = ""
) -> None:
    """Wait until nothing of a paused mode is open, and say how much is."""
    from brewsaga.intake import drain

    _run(drain(url or _default_url(), _modes(mode), timeout))


@intake.command("resume")
def intake_resume(mode: IntakeMode = "choreo", token_file: Token = "", url: Url = "") -> None:
    """Take new orders of a mode again."""
    from brewsaga.intake import put

    _run(put(url or _default_url(), _modes(mode), token_file, "", paused=False))


@intake.command("status")
def intake_status(mode: IntakeMode = "both", url: Url = "") -> None:
    """Say whether new orders are taken, and how many are open in which step."""
    from brewsaga.intake import status

    _run(status(url or _default_url(), _modes(mode)))


app.add_typer(project)


repair_cli.add_to(app)


def _say_error(text: str, next_step: str) -> None:
    print(f"error: {text}\nnext: {next_step}", file=sys.stderr)


def main() -> None:
    """The entry point: errors to stderr, each with the next command to try."""
    try:
        app(standalone_mode=True)
    except CommandError as error:
        _say_error(str(error), error.next_step)
        sys.exit(error.code)
    except Exception as error:
        # The stack's errors say what to do in their text; all else is a bug and keeps its trace.
        if type(error).__name__ != "StackError":
            raise
        _say_error(str(error), "brewsaga doctor")
        sys.exit(Exit.ERROR)
    except BrokenPipeError:
        # The reader of our output has gone; say nothing more, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.ERROR)


if __name__ == "__main__":
    main()
