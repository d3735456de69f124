"""Plays one case on one stage, and has the ledger judged.

Everything is waited for, and nothing longer than a limit. Knows no engine.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from peers.cases import Case, Then
from peers.judge import End, broken_rules, end_of, faults_of, told
from peers.ledger import Kind
from peers.stages import Stage
from peers.steps import DO, Action, Claim
from peers.worker import GoneError, VerbError

STILL_SECONDS: Final = 45.0
"""How long a saga may stay open without anything being done or asked for: more than the longest
wait between two attempts of any engine, which is BrewSaga's of half a minute.
"""

LIMIT_SECONDS: Final = 120.0
"""How long it may stay open at all."""

MEND_SECONDS: Final = 8.0
"""What an engine is given to go on by itself, before it is asked to."""

STANDING_SECONDS: Final = 10.0
"""An engine that says "ended" while the ledger says otherwise is watched so long."""

POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case came to. `problems` empty: passed."""

    case: str
    problems: list[str]
    moves: str = ""
    calls: str = ""
    seconds: float = 0.0
    undid_nothing: bool = False
    """An undo was asked for and had nothing to undo: there a fence would have made a difference."""

    @property
    def passed(self) -> bool:
        return not self.problems


async def play(case: Case, stage: Stage) -> Outcome:
    """Begin a saga, let it go wrong, wait for its end, look again, judge."""
    saga, begun = f"{case.name}-{uuid.uuid4().hex[:8]}", time.monotonic()
    await stage.arm(saga, case.faults)
    if case.then is Then.UNDO_FIRST:
        await stage.undo_first(saga)
    at_once = 2 if case.then is Then.START_AT_ONCE else 1
    await asyncio.gather(*(_ask(stage.start(saga)) for _ in range(at_once)))
    if case.then is Then.START_AGAIN:
        await _until(lambda: _was_asked(stage, saga, case.faults[0].at))
        await _ask(stage.start(saga))
    if case.then is Then.MEND:
        await _until(lambda: _came_about(stage, saga, case.faults[-1].kind))
        await asyncio.sleep(case.mend_after_seconds)
        await stage.lift(saga)
        await _until(lambda: _has_ended(case, stage, saga), MEND_SECONDS)
        await _ask(stage.mend(saga))
    await _wait_for_end(case, stage, saga)
    await _afterwards(case, stage, saga)
    await asyncio.sleep(case.settle_seconds)
    effects, claim = await stage.effects(saga), await _claim(stage, saga)
    problems = faults_of(effects, case.end, claim)
    striking = {fault.kind for fault in case.faults} - {Kind.REFUSE}
    if striking and not striking & await stage.happened(saga):
        problems.append("what was to go wrong never came about: nothing was shown")
    calls = await stage.calls(saga)
    taken = round(time.monotonic() - begun - case.settle_seconds, 1)
    nothing = any(action in DO and action not in effects for action in calls)
    return Outcome(case.name, problems, told(effects), told(calls), taken, nothing)


async def _afterwards(case: Case, stage: Stage, saga: str) -> None:
    match case.then:
        case Then.START_AFTER_END:
            await _ask(stage.start(saga))
        case Then.CANCEL_AFTER_END:
            await _ask(stage.cancel(saga))
        case Then.REPEAT:
            await _ask(stage.repeat(saga))
        case _:
            pass


async def _wait_for_end(case: Case, stage: Stage, saga: str) -> None:
    said: float | None = None
    seen, moved = -1, time.monotonic()

    async def over() -> bool:
        nonlocal said, seen, moved
        known = len(await stage.calls(saga)) + len(await stage.effects(saga))
        if known != seen:
            seen, moved = known, time.monotonic()
        if time.monotonic() - moved > STILL_SECONDS:
            return True
        if await _claim(stage, saga) is not Claim.OPEN:
            said = said or time.monotonic()
            if time.monotonic() - said > STANDING_SECONDS:
                return True
        return await _has_ended(case, stage, saga)

    await _until(over)


async def _has_ended(case: Case, stage: Stage, saga: str) -> bool:
    """As it should, or so that nothing can mend it."""
    effects, claim = await stage.effects(saga), await _claim(stage, saga)
    if broken_rules(effects):
        return True
    ended = end_of(effects)
    return claim is not Claim.OPEN and (
        ended is case.end or (case.end is End.EITHER and ended is not None)
    )


async def _came_about(stage: Stage, saga: str, kind: Kind) -> bool:
    return kind in await stage.happened(saga)


async def _was_asked(stage: Stage, saga: str, action: Action) -> bool:
    return action in await stage.calls(saga)


async def _claim(stage: Stage, saga: str) -> Claim:
    """Open where it cannot be asked now."""
    try:
        return await stage.claim(saga)
    except (GoneError, VerbError, OSError, TimeoutError):
        return Claim.OPEN


async def _ask(asked: Awaitable[None]) -> None:
    """An engine may refuse a second start or a late cancel: the ledger shows what came of it."""
    with contextlib.suppress(VerbError, GoneError):
        await asked


async def _until(ask: Callable[[], Awaitable[bool]], seconds: float = LIMIT_SECONDS) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not await ask():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True
