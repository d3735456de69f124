"""The command line of repair: names and options of its commands, and nothing else.

Whatever a command needs is imported when it runs, so that `--help` stays quick.
"""

from collections.abc import Callable
from typing import Annotated, Final

import typer

from brewsaga.errors import CommandError, Exit
from brewsaga.options import Token, run_command
from brewsaga.person import name_of_user

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Or filters, or --all.")]
ModeFilter = Annotated[str, typer.Option("-m", "--mode", help="choreo or orch.")]
StateFilter = Annotated[str, typer.Option("-s", "--state", help="parked, waiting or any (retry).")]
StepFilter = Annotated[str, typer.Option("--step", help="payment, …, refund (not dead letters).")]
ReasonFilter = Annotated[str, typer.Option("--reason", help="The reason, word for word.")]
TopicFilter = Annotated[
    str, typer.Option("--topic", help="A topic, without the prefix (dead letters).")
]
SinceFilter = Annotated[str, typer.Option("--since", help="10m, 2h, 1d, or a time and zone.")]
Service = Annotated[list[str] | None, typer.Option("--service", help="Only this one.")]
Everything = Annotated[bool, typer.Option("--all", help="All there is.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would do; change nothing.")]
Who = Annotated[str, typer.Option("--who", envvar="BREWSAGA_WHO", help="Kept in the trail.")]
Why = Annotated[str, typer.Option("--why", help="Kept in the trail; needed unless --dry-run.")]
Output = Annotated[str, typer.Option("-o", "--output", help="table or json.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Rows of a service at most.")]


HELP: Final = {
    "retry": "Try undos again that are parked (or --state waiting): refunds, releases.",
    "redrive": "Give dead letters (SERVICE:NUMBER) to their handler again.",
    "cancel": "Ask sagas that run to end, and to undo what they did; it may come too late.",
    "resend": "Say now what is awaited, instead of when it is due.",
}


def _verb(name: str) -> Callable[..., None]:
    """The command of one verb; a service refuses a filter that its verb cannot tell apart."""

    def command(
        ids: Ids = None,
        mode: ModeFilter = "",
        step: StepFilter = "",
        reason: ReasonFilter = "",
        since: SinceFilter = "",
        state: StateFilter = "",
        topic: TopicFilter = "",
        everything: Everything = False,
        dry_run: DryRun = False,
        who: Who = "",
        why: Why = "",
        service: Service = None,
        token_file: Token = "",
        output: Output = "table",
    ) -> None:
        filters = {"mode": mode, "step": step, "reason": reason, "since": since}
        filters |= {"state": state, "topic": topic}
        _repair(name, ids, filters, everything, dry_run, who, why, service, token_file, output)

    return command


def parked(
    state: StateFilter = "parked",
    saga: Annotated[str, typer.Option("--saga", help="Only this saga.")] = "",
    limit: Limit = 50,
    output: Output = "table",
) -> None:
    """List undos that wait for a person; exit code 4 while there are any."""
    from brewsaga.repair_commands import parked as run

    run_command(run(state, saga, limit, output))


def dead_letters(
    topic: TopicFilter = "", reason: ReasonFilter = "", limit: Limit = 50, output: Output = "table"
) -> None:
    """List messages that were put aside; exit code 4 while there are any."""
    from brewsaga.repair_commands import dead_letters as run

    run_command(run(topic, reason, limit, output))


def repairs(
    saga: Annotated[str, typer.Option("--saga", help="Only of this saga.")] = "",
    repair: Annotated[str, typer.Option("--repair", help="Only of this command.")] = "",
    limit: Limit = 50,
    output: Output = "table",
) -> None:
    """List what people repaired: who, why, before and after; the latest first."""
    from brewsaga.repair_commands import trail as run

    run_command(run(saga, repair, limit, output))


def add_to(app: typer.Typer) -> None:
    """Beside the other commands."""
    for name, text in HELP.items():
        app.command(name, help=text)(_verb(name))
    app.command()(parked)
    app.command()(repairs)
    app.command("dead-letters")(dead_letters)


def _repair(
    name: str,
    ids: list[str] | None,
    filters: dict[str, str],
    everything: bool,
    dry_run: bool,
    who: str,
    why: str,
    services: list[str] | None,
    token_file: str,
    output: str,
) -> None:
    from brewsaga.repair_commands import Repair
    from brewsaga.repair_commands import repair as run
    from sagakit.core.repair import Verb

    given = {name: value for name, value in filters.items() if value}
    if bool(ids) + bool(given) + everything != 1:
        text = f"{name} what? Give ids, or filters, or --all, and one of these alone"
        raise CommandError(text, f"brewsaga {name} --all --dry-run", Exit.USAGE)
    if not (why or dry_run):
        text = "why? It is kept in the trail beside what is changed"
        raise CommandError(text, f"brewsaga {name} … --why 'refunds are back'", Exit.USAGE)
    asked = Repair(
        Verb(name),
        tuple(dict.fromkeys(ids or ())),
        given,
        everything,
        dry_run,
        who or name_of_user(),
        why,
        tuple(services or ()),
        output == "json",
    )
    run_command(run(asked, token_file))
