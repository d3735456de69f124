"""The commands of who works on the project or runs it: what is generated, drawn and watched.

As in `__main__`, whatever a command needs is imported when it runs.
"""

import os
from typing import Annotated

import typer

from brewsaga.errors import CommandError

project = typer.Typer()


@project.command("graphs")
def graphs(
    write: Annotated[str, typer.Option(help="File to put them into; printed without.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Fail where the file differs.")] = False,
) -> None:
    """Draw both modes from the tables that the services run by."""
    from pathlib import Path

    from brewsaga import graphs as drawn

    if not write:
        print(drawn.choreography() + "\n" + drawn.orchestration(), end="")
        return
    text = Path(write).read_text(encoding="utf-8")
    if check and drawn.filled(text) != text:
        message = f"the graphs in {write} differ from the tables"
        raise CommandError(message, f"brewsaga graphs --write {write}")
    if not check:
        drawn.write(Path(write))


@project.command("generate")
def generate(
    root: Annotated[str, typer.Argument(help="The project's folder.")] = ".",
    check: Annotated[bool, typer.Option("--check", help="Fail where a file differs.")] = False,
) -> None:
    """Write the files that follow from the code: OpenAPI, metrics page, dashboards, schemas."""
    from pathlib import Path

    from brewsaga import generated

    if not check:
        generated.write(Path(root))
    elif differing := generated.differing(Path(root)):
        message = f"{' and '.join(differing)} differ from what the code says"
        raise CommandError(message, "brewsaga generate (in the project's folder)")


@project.command()
def observe() -> None:
    """Start a Prometheus beside what runs here, with the alerts; Ctrl-C stops it."""
    from brewsaga.prometheus import observe as run

    raise typer.Exit(run())


@project.command("dashboards")
def push_dashboards() -> None:
    """Put the dashboards into the Grafana at GRAFANA_URL, with the token GRAFANA_TOKEN."""
    from brewsaga import dashboards
    from brewsaga.dashboards.push import push

    print("\n".join(push(dashboards.boards(), os.environ)))
