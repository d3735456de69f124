"""The commands that start, prepare or measure: names and options, and nothing else.

As in `__main__`, whatever a command needs is imported when it runs.
"""

from typing import Annotated

import typer

from brewsaga.options import Prefix, UrlFolder, modes_of

machine = typer.Typer()


@machine.command()
def up(
    mode: Annotated[
        str, typer.Option(help="choreo, orch or both: what the services serve.")
    ] = "both",
) -> None:
    """Start everything on this machine; Ctrl-C leaves nothing behind."""
    from brewsaga.machine import up as start

    modes_of(mode)
    raise typer.Exit(start(mode))


@machine.command("run", context_settings={"ignore_unknown_options": True})
def run_service(
    service: Annotated[str, typer.Argument(help="payment, inventory, shipment, order, …")],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Given to the service after --.")
    ] = None,
    mode: Annotated[str, typer.Option(help="choreo, orch or both.")] = "both",
) -> None:
    """Run one service in this terminal against the stack of `make up`."""
    from brewsaga.machine import become_service

    modes_of(mode)
    become_service(service, mode, arguments or ())


@machine.command("db-init")
def db_init() -> None:
    """Make the databases with their roles and tables."""
    from brewsaga.machine import init_databases

    raise typer.Exit(init_databases())


@machine.command("topics")
def topics() -> None:
    """Make every topic of both modes."""
    from brewsaga.machine import create_topics

    raise typer.Exit(create_topics())


@machine.command()
def demo(
    orders: Annotated[int, typer.Option(min=12, max=2_000, help="Orders a mode.")] = 60,
    seed: Annotated[str, typer.Option(help="Which orders fail.")] = "brewsaga-110",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder.")] = False,
) -> None:
    """Start all of it in a folder of its own, run orders in both modes, audit, and clean up."""
    from brewsaga.demo import demo as run

    raise typer.Exit(run(orders, seed, keep=keep))


@machine.command()
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


@machine.command()
def overload(
    mode: Annotated[str, typer.Option(help="choreo, orch or both.")] = "both",
    seconds: Annotated[float, typer.Option(min=10, max=600, help="At twice the rate.")] = 120.0,
    max_in_flight: Annotated[int | None, typer.Option(min=1, help="Orders open at once.")] = None,
    result: Annotated[str, typer.Option(help="The figures (JSON).")] = "overload-result.json",
) -> None:
    """Place twice as many orders as can be served, and see that all that are accepted end."""
    from pathlib import Path

    from brewsaga.overload import run

    kept = run(modes_of(mode), seconds, max_in_flight, Path(result))
    raise typer.Exit(0 if kept else 1)


@machine.command()
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


@machine.command("create-topics")
def create_topics(
    partitions: Annotated[int, typer.Option(min=1, max=1_000)] = 3,
    replication: Annotated[int, typer.Option(min=0, max=9, help="0: the broker's default.")] = 0,
    prefix: Prefix = "saga-",
) -> None:
    """Make every topic on the Kafka that the KAFKA_… variables name; safe to repeat."""
    from brewsaga.in_cluster import make_topics

    raise typer.Exit(make_topics(prefix, partitions, replication))
