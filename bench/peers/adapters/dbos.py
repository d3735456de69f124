"""DBOS: the saga is a durable workflow, each step one of its steps, all of it in Postgres.

Steps are insisted upon; a refusal is a value, so that it is never tried again. DBOS's own cancel
stops a workflow where it is and undoes nothing, so a cancel is a message that the workflow looks
for before its last step, as DBOS advises for what needs a clean-up.
"""

import os
from typing import Final

from dbos import DBOS, SetWorkflowID

from peers.adapters import participants
from peers.adapters.worker import WithoutMessages, serve
from peers.steps import FORWARD, UNDO, Action, Claim

CANCELLABLE: Final = bool(participants.LEDGER_URL)
"""Looking for a cancel is one more durable step, which the measure of speed is spared."""


@DBOS.step(
    retries_allowed=True,
    max_attempts=participants.ATTEMPTS,
    interval_seconds=participants.RETRY_SECONDS,
    backoff_rate=1.0,
)
async def ask(action: str, saga: str) -> bool:
    return await participants.call_async(Action(action), saga)


@DBOS.workflow()
async def order(saga: str) -> str:
    done: list[Action] = []
    for action in FORWARD:
        cancelled = CANCELLABLE and action is Action.SHIP and await _is_cancelled()
        if cancelled or not await ask(action.value, saga):
            for undone in reversed(done):
                await ask(UNDO[undone].value, saga)
            return Claim.UNDONE.value
        done.append(action)
    return Claim.COMPLETED.value


async def _is_cancelled() -> bool:
    return await DBOS.recv_async("cancel", timeout_seconds=0) is not None


class Dbos(WithoutMessages):
    """The verbs, in DBOS's words."""

    async def open(self) -> None:
        DBOS(
            config={
                "name": "peers",
                "system_database_url": os.environ["PEERS_STORE_URL"],
                "application_version": "1",
                "log_level": "WARNING",
            }
        )
        DBOS.launch()

    async def start(self, saga: str) -> None:
        with SetWorkflowID(saga):
            await DBOS.start_workflow_async(order, saga)

    async def run(self, saga: str) -> None:
        with SetWorkflowID(saga):
            handle = await DBOS.start_workflow_async(order, saga)
        await handle.get_result()

    async def claim(self, saga: str) -> Claim:
        status = await DBOS.get_workflow_status_async(saga)
        match status.status if status else "":
            case "SUCCESS":
                return Claim(str(status.output))
            case "ERROR" | "CANCELLED" | "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
                return Claim.BROKEN
            case _:
                return Claim.OPEN

    async def cancel(self, saga: str) -> None:
        await DBOS.send_async(saga, "now", "cancel")

    async def mend(self, saga: str) -> None:
        if await self.claim(saga) is Claim.BROKEN:
            await DBOS.resume_workflow_async(saga)


if __name__ == "__main__":
    serve(Dbos())
