"""How far a batch is, step by step: order's own rows, and for orchestrated orders the
orchestrator's word.

It decides nothing and must not know SQL or HTTP.
"""

from typing import Any, Final

from order import store_progress
from order.batches import Batches
from order.counting import ENDS_STEP
from order.domain import Standing, Status, owed_by
from order.orchestrator_client import OrchestratorClient, Unreachable
from order.ports import Runtime
from order.progress import StepsTold, summed
from saga import metrics
from saga.contract import STEP_BY_STATE, STEP_NAMES, Mode

PAGE: Final = 1_000
"""Sagas of one question to the orchestrator."""

REFUSALS: Final = [
    (event, step)
    for event, (step, outcome) in ENDS_STEP.items()
    if outcome == metrics.REFUSED and step in STEP_NAMES
]


class Progress:
    """Reads; one instance serves every batch."""

    def __init__(
        self, runtime: Runtime, batches: Batches, orchestrator: OrchestratorClient
    ) -> None:
        self._runtime = runtime
        self._batches = batches
        self._orchestrator = orchestrator

    async def of(self, batch_id: str) -> dict[str, Any] | None:
        """The summary and the steps, or None for no such batch."""
        summary = await self._batches.summary(batch_id)
        if summary is None:
            return None
        mode = Mode.parse(summary["mode"])
        told, note = await self._told(batch_id, mode)
        steps, failures = summed(told)
        async with self._runtime.pool.acquire() as connection:
            state = await store_progress.open_step(connection, batch_id)
        return {
            **summary,
            "current_step": None if state is None else STEP_BY_STATE[state].name,
            "owed_by": None if state is None else _owed_by(mode, state),
            "steps": [one.told() for one in steps],
            "failures": [one._asdict() for one in failures],
            "note": note,
        }

    async def _told(self, batch_id: str, mode: Mode) -> tuple[list[StepsTold], str | None]:
        async with self._runtime.pool.acquire() as connection:
            told = [await store_progress.parked(connection, batch_id)]
            if mode is Mode.CHOREO:
                heard = await store_progress.choreographed(connection, batch_id, REFUSALS)
                return [*told, heard], None
            saga_ids = await store_progress.known_ids(connection, batch_id)
        try:
            pages = [saga_ids[at : at + PAGE] for at in range(0, len(saga_ids), PAGE)]
            told += [await self._orchestrator.steps(page) for page in pages]
        except Unreachable as error:
            return told, f"the orchestrator cannot be reached ({error}); try again"
        return told, None


def _owed_by(mode: Mode, state: str) -> str | None:
    return owed_by(mode.value, Standing(Status.RUNNING, state), known=True)
