"""Plays cases on engines, one after the other, and says what each came to.

A case that a peer does not pass, and in which something was undone before it was done, is played
once more with participants that fence, so that the table can tell what is the engine's doing from
what a participant could have prevented.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from brewsaga.errors import CommandError
from brewsaga.machine import tell
from brewsaga.stack import Stack
from peers.brew_stage import brew_stage
from peers.cases import Case
from peers.engines import BY_NAME
from peers.peer_stage import peer_stage, room_for
from peers.play import Outcome, play
from peers.results import Judged
from peers.stages import Stage
from saga.contract import Mode

OURS = {f"brewsaga-{mode.value}": mode for mode in Mode}
Keep = Callable[[str, str, Judged], None]
"""Given engine, case and what it came to."""


def not_applicable(engine: str, case: Case) -> str:
    """Why a case means nothing on an engine; empty where it does."""
    cannot = {} if engine in OURS else BY_NAME[engine].cannot
    return next((cannot[need] for need in case.needs if need in cannot), "")


@dataclass(frozen=True, slots=True)
class Conformance:
    """Plays on one stack, in a folder of this run. `keep` is told as soon as a case is judged."""

    stack: Stack
    folder: Path
    keep: Keep
    fence: bool = False

    def judge(self, engine: str, cases: Iterable[Case]) -> None:
        """Play them. Raises NotHereError where the engine cannot be had."""
        playable = []
        for case in cases:
            reason = not_applicable(engine, case)
            if reason:
                self.keep(engine, case.name, Judged(True, [], "", 0.0, reason))
            else:
                playable.append(case)
        failed = asyncio.run(self._play(engine, playable)) if playable else {}
        if failed and not self.fence and engine not in OURS:
            tell(f"{engine}: the failed ones again, with participants that fence")
            again = [case for case in playable if case.name in failed]

            def keep_both(_engine: str, name: str, judged: Judged) -> None:
                self.keep(engine, name, replace(failed[name], fenced=judged.passed))

            fenced = Conformance(self.stack, self.folder, keep_both, fence=True)
            asyncio.run(fenced._play(engine, again))

    async def _play(self, engine: str, cases: list[Case]) -> dict[str, Judged]:
        """Those that a fence might mend."""
        failed = {}
        async with self._stage(engine) as stage:
            for number, case in enumerate(cases):
                outcome = await _played(case, stage)
                judged = Judged(outcome.passed, outcome.problems, outcome.moves, outcome.seconds)
                told = "; ".join(outcome.problems) or "passed"
                tell(f"{engine:16} {case.name:24} {outcome.seconds:5.1f} s  {told}")
                self.keep(engine, case.name, judged)
                if not outcome.passed:
                    tell(f"{'':16} asked: {outcome.calls}")
                    if outcome.undid_nothing:
                        failed[case.name] = judged
                    if number + 1 < len(cases):
                        await stage.renew()
        return failed

    @asynccontextmanager
    async def _stage(self, engine: str) -> AsyncIterator[Stage]:
        if engine in OURS:
            async with brew_stage(self.stack, self.folder / engine, OURS[engine]) as ours:
                yield ours
        else:
            peer = BY_NAME[engine]
            async with (
                room_for(peer, self.stack, self.folder) as room,
                peer_stage(peer, room, fence=self.fence) as theirs,
            ):
                yield theirs


async def _played(case: Case, stage: Stage) -> Outcome:
    """What goes wrong with the play itself is a problem too, and must be looked at."""
    try:
        return await play(case, stage)
    except (AssertionError, CommandError, OSError, TimeoutError) as error:
        problem = f"could not be played: {type(error).__name__}: {error}"
        return Outcome(case.name, [problem])
