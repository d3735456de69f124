"""Temporal: the saga is a workflow, each step an activity.

Activities are insisted upon (Temporal's own default) half a second apart. A cancel waits for the
activity that is in hand; one whose outcome stays unknown is asked for again until it is known. A
refusal is a value, so that it is never tried again.
"""

import asyncio
import os
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from peers.adapters import participants
from peers.adapters.worker import WithoutMessages, serve
from peers.steps import FORWARD, UNDO, Action, Claim

QUEUE = "peers"
STEP = timedelta(seconds=participants.ANSWER_SECONDS + 1)
AT_ONCE = 256


@activity.defn
async def ask(action: str, saga: str) -> bool:
    return await participants.call_async(Action(action), saga)


@workflow.defn
class Order:
    """The saga."""

    @workflow.run
    async def run(self, saga: str) -> str:
        done: list[Action] = []
        cancelled = False
        for action in FORWARD:
            try:
                was_done = await self._ask(action, saga)
            except BaseException as error:
                if not (is_cancelled_exception(error) or isinstance(error, ActivityError)):
                    raise
                cancelled, was_done = True, await self._ask(action, saga)
            if was_done:
                done.append(action)
            if not was_done or (cancelled and action is not FORWARD[-1]):
                break
        else:
            return Claim.COMPLETED.value
        for undone in reversed(done):
            await self._ask(UNDO[undone], saga)
        return Claim.UNDONE.value

    async def _ask(self, action: Action, saga: str) -> bool:
        done: bool = await workflow.execute_activity(
            ask,
            args=[action.value, saga],
            start_to_close_timeout=STEP,
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=participants.RETRY_SECONDS),
                backoff_coefficient=1.0,
            ),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        return done


class Temporal(WithoutMessages):
    """The verbs, in Temporal's words."""

    client: Client

    async def open(self) -> None:
        self.client = await Client.connect(os.environ["PEERS_SERVER"])
        worker = Worker(
            self.client,
            task_queue=QUEUE,
            workflows=[Order],
            activities=[ask],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_concurrent_activities=AT_ONCE,
            max_concurrent_workflow_tasks=AT_ONCE,
        )
        self._running = asyncio.create_task(worker.run())

    async def start(self, saga: str) -> None:
        await self.client.start_workflow(
            Order.run,
            saga,
            id=saga,
            task_queue=QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )

    async def run(self, saga: str) -> None:
        await self.client.execute_workflow(Order.run, saga, id=saga, task_queue=QUEUE)

    async def claim(self, saga: str) -> Claim:
        handle = self.client.get_workflow_handle_for(Order.run, saga)
        try:
            status = (await handle.describe()).status
        except RPCError:
            return Claim.OPEN
        match status:
            case WorkflowExecutionStatus.RUNNING:
                return Claim.OPEN
            case WorkflowExecutionStatus.COMPLETED:
                return Claim(await handle.result())
            case _:
                return Claim.BROKEN

    async def cancel(self, saga: str) -> None:
        await self.client.get_workflow_handle(saga).cancel()

    async def mend(self, saga: str) -> None:
        """It never gives up."""


if __name__ == "__main__":
    serve(Temporal())
