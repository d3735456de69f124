"""Names, options and exit codes of `brewsaga chaos …`, and nothing else; as in `__main__`, whatever
a command needs is imported when it runs.
"""

from typing import Annotated

import typer

chaos_app = typer.Typer(help="Experiments on a cluster, through kubectl.", no_args_is_help=True)
Namespace = Annotated[
    str, typer.Option("-n", "--namespace", help="Left out: that of kubectl's context.")
]
ExperimentName = Annotated[str, typer.Argument(metavar="NAME", help="The experiment.")]


@chaos_app.command("list")
def chaos_list(namespace: Namespace = "") -> None:
    """List the experiments with their verdicts."""
    from brewsaga import chaos

    raise typer.Exit(chaos.list_all(namespace))


@chaos_app.command("run")
def chaos_run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Holds one SagaExperiment.")],
    namespace: Namespace = "",
    wait: Annotated[bool, typer.Option(help="Wait for the verdict.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 600.0,
) -> None:
    """Run the experiment of a file; 0 Pass, 4 Fail, 5 Inconclusive, 1 Error or Aborted."""
    from brewsaga import chaos

    raise typer.Exit(chaos.run(file, namespace, timeout, wait=wait))


@chaos_app.command("stop")
def chaos_stop(name: ExperimentName, namespace: Namespace = "") -> None:
    """Abort an experiment: its faults are taken back."""
    from brewsaga import chaos

    raise typer.Exit(chaos.stop(name, namespace))


@chaos_app.command("verdict")
def chaos_verdict(name: ExperimentName, namespace: Namespace = "") -> None:
    """Print an experiment's verdict with its numbers, and exit by it."""
    from brewsaga import chaos

    raise typer.Exit(chaos.verdict(name, namespace))
