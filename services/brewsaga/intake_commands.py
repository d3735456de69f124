"""The commands of the door for new orders: names and options, and nothing else.

As in `__main__`, whatever a command needs is imported when it runs.
"""

from typing import Annotated, Final

import typer

from brewsaga.options import Timeout, Token, Url, default_url, modes_of, run_command

DRAIN_SECONDS: Final = 300.0

intake = typer.Typer(help="Whether new orders are taken, by mode.", no_args_is_help=True)
IntakeMode = Annotated[str, typer.Option("-m", "--mode", help="choreo, orch or both.")]


@intake.command("pause")
def intake_pause(
    mode: IntakeMode = "choreo",
    reason: Annotated[str, typer.Option(help="Told to all who find it paused.")] = "",
    token_file: Token = "",
    url: Url = "",
) -> None:
    """Take no new orders of a mode; what is open goes on."""
    from brewsaga.intake import put

    run_command(put(url or default_url(), modes_of(mode), token_file, reason, paused=True))


@intake.command("drain")
def intake_drain(
    mode: IntakeMode = "choreo", timeout: Timeout = DRAIN_SECONDS, url: Url = ""
) -> None:
    """Wait until nothing of a paused mode is open, and say how much is."""
    from brewsaga.intake import drain

    run_command(drain(url or default_url(), modes_of(mode), timeout))


@intake.command("resume")
def intake_resume(mode: IntakeMode = "choreo", token_file: Token = "", url: Url = "") -> None:
    """Take new orders of a mode again."""
    from brewsaga.intake import put

    run_command(put(url or default_url(), modes_of(mode), token_file, "", paused=False))


@intake.command("status")
def intake_status(mode: IntakeMode = "both", url: Url = "") -> None:
    """Say whether new orders are taken, and how many are open in which step."""
    from brewsaga.intake import status

    run_command(status(url or default_url(), modes_of(mode)))
