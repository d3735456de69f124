"""The command line: names, options and exit codes of every command, and nothing else.

Whatever a command needs is imported when it runs, so that `--help` stays quick. stdout is data,
stderr progress; every error ends with the next command to try.
"""

import os
import sys
from typing import Annotated

import typer

from brewsaga import repair_cli
from brewsaga.chaos_commands import chaos_app
from brewsaga.errors import CommandError, Exit
from brewsaga.intake_commands import intake
from brewsaga.machine_commands import machine
from brewsaga.options import (
    WAIT_SECONDS,
    ListOutput,
    Output,
    Prefix,
    SagaId,
    Shape,
    Timeout,
    Token,
    Url,
    UrlFolder,
    default_url,
    modes_of,
    run_command,
)
from brewsaga.project_commands import project

app = typer.Typer(
    help="Sagas over Kafka that lose nothing, in choreography and in orchestration.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: drawing it costs more than all the rest
    pretty_exceptions_enable=False,
)


def _metric_names() -> list[str]:
    from brewsaga.scrape import NAMES

    return list(NAMES)


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
    watch: Annotated[
        bool, typer.Option("--watch", help="Print each event as it is heard, until the ends.")
    ] = False,
    timeout: Timeout = WAIT_SECONDS,
    token_file: Token = "",
    url: Url = "",
) -> None:
    """Place orders; a line each on stdout."""
    from brewsaga.commands import PlaceRequest
    from brewsaga.commands import place as run

    asked = ";".join(part for part in (f"{fail}=100" if fail else "", faults) if part)
    order = {"customer_id": customer, "drink": drink, "quantity": quantity, "faults": asked}
    request = PlaceRequest(modes_of(mode), count, rate, order, wait, timeout, watch)
    run_command(run(url or default_url(), request, token_file))


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
    run_command(run(url or default_url(), output.value, limit, query, again=watch))


@app.command()
def show(saga_id: SagaId, output: Shape = Output.TABLE, url: Url = "") -> None:
    """Show where one saga stands."""
    from brewsaga.commands import show as run

    run_command(run(url or default_url(), saga_id, output.value))


@app.command()
def timeline(saga_id: SagaId, output: Shape = Output.TABLE, url: Url = "") -> None:
    """Draw what happened to one saga."""
    from brewsaga.commands import timeline as run

    run_command(run(url or default_url(), saga_id, output.value))


@app.command()
def watch(saga_id: SagaId, timeout: Timeout = WAIT_SECONDS, url: Url = "") -> None:
    """Follow one saga until it ends."""
    from brewsaga.commands import watch as run

    run_command(run(url or default_url(), saga_id, timeout))


@app.command()
def top(
    once: Annotated[bool, typer.Option("--once", help="Print it once; live otherwise.")] = False,
    output: Shape = Output.TABLE,
    url: Url = "",
) -> None:
    """Show how many sagas are in which step, in both modes, live."""
    from brewsaga.top import top as run

    run_command(run(url or default_url(), output.value, once=once))


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

    run_command(run(names or (), target or (), output.value))


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
def auditor(
    databases: Annotated[
        str, typer.Option(help="Folder with a file a service that holds its DATABASE_URL.")
    ],
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8080,
    host: Annotated[str, typer.Option(help="Where it serves; 0.0.0.0 in a pod.")] = "127.0.0.1",
) -> None:
    """Serve the audit of the databases over HTTP, for experiments, until Ctrl-C."""
    from brewsaga.auditor import serve

    raise typer.Exit(serve(databases, host, port))


@app.command()
def doctor(url: Url = "") -> None:
    """Say what can be reached and what to do if not."""
    from brewsaga.checks import doctor as run

    raise typer.Exit(run(url or default_url()))


@app.command("saga-list")
def saga_list(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Rows at most.")] = 50,
    url: Annotated[str, typer.Option(envvar="ORCHESTRATOR_URL", help="Its API.")] = "",
) -> None:
    """List the orchestrator's sagas, also those that order does not know."""
    from brewsaga.commands import list_states as run

    run_command(run(url, limit))


app.add_typer(machine)
app.add_typer(intake, name="intake")
app.add_typer(project)
repair_cli.add_to(app)
app.add_typer(chaos_app, name="chaos")


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
