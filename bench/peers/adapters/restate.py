"""Restate: the saga is a workflow keyed by its id, each step a durable `run` of it.

The server drives it by HTTP/2 in the process of the adapter, and insists on whatever raises. A
refusal is a value, so that it is never tried again. A cancel arrives as Restate's terminal error
and leaves the step in hand unknown; it is asked for again until its outcome is known, since to undo
at once, as the guide to sagas has it, would refund what is being shipped.
"""

import asyncio
import os
from datetime import timedelta
from typing import Any

import httpx
import hypercorn.asyncio
import restate
from hypercorn.config import Config
from restate.exceptions import TerminalError

from peers.adapters import participants
from peers.adapters.worker import WithoutMessages, serve
from peers.steps import FORWARD, UNDO, Action, Claim

order = restate.Workflow("order")
INSIST: restate.RunOptions[bool] = restate.RunOptions(
    initial_retry_interval=timedelta(seconds=participants.RETRY_SECONDS), retry_interval_factor=1.0
)
CONNECTIONS = httpx.Limits(max_connections=512, max_keepalive_connections=512)
END_SECONDS = 120.0
KNOWN_ALREADY = 409


@order.main()
async def run(ctx: restate.WorkflowContext, saga: str) -> str:
    done: list[Action] = []
    cancelled = False
    for action in FORWARD:
        try:
            was_done = await _ask(ctx, action, saga)
        except TerminalError:
            cancelled, was_done = True, await _ask(ctx, action, saga)
        if was_done:
            done.append(action)
        if not was_done or (cancelled and action is not FORWARD[-1]):
            break
    else:
        return Claim.COMPLETED.value
    for undone in reversed(done):
        await _ask(ctx, UNDO[undone], saga)
    return Claim.UNDONE.value


async def _ask(ctx: restate.WorkflowContext, action: Action, saga: str) -> bool:
    done: bool = await ctx.run_typed(
        action.value, participants.call_async, INSIST, action=action, saga=saga
    )
    return done


class Restate(WithoutMessages):
    """The verbs, by Restate's ingress and admin API."""

    async def open(self) -> None:
        ingress, self.admin = os.environ["PEERS_INGRESS"], os.environ["PEERS_ADMIN"]
        self.http = httpx.AsyncClient(
            base_url=ingress, timeout=END_SECONDS, limits=CONNECTIONS, trust_env=False
        )
        self.invocations: dict[str, str] = {}
        config = Config()
        config.bind = [f"127.0.0.1:{os.environ['PEERS_PORT']}"]
        config.h2_max_concurrent_streams = 2147483647
        config.keep_alive_max_requests = 2147483647
        config.keep_alive_timeout = 2147483647
        app: Any = restate.app([order])
        self._serving = asyncio.create_task(
            hypercorn.asyncio.serve(app, config, shutdown_trigger=asyncio.Event().wait)
        )
        await self._register()

    async def _register(self) -> None:
        body = {"uri": f"http://127.0.0.1:{os.environ['PEERS_PORT']}"}
        while True:
            try:
                answer = await self.http.post(f"{self.admin}/deployments", json=body)
            except httpx.TransportError:
                answer = None
            if answer is not None and (answer.is_success or answer.status_code == KNOWN_ALREADY):
                return
            await asyncio.sleep(0.1)

    async def start(self, saga: str) -> None:
        answer = await self.http.post(f"/order/{saga}/run/send", json=saga)
        answer.raise_for_status()
        self.invocations[saga] = answer.json()["invocationId"]

    async def run(self, saga: str) -> None:
        (await self.http.post(f"/order/{saga}/run", json=saga)).raise_for_status()

    async def claim(self, saga: str) -> Claim:
        answer = await self.http.get(f"/restate/workflow/order/{saga}/output", timeout=5)
        if answer.is_success:
            return Claim(answer.json())
        return Claim.BROKEN if answer.is_server_error else Claim.OPEN

    async def cancel(self, saga: str) -> None:
        invocation = self.invocations[saga]
        answer = await self.http.patch(f"{self.admin}/invocations/{invocation}/cancel")
        answer.raise_for_status()

    async def mend(self, saga: str) -> None:
        """An invocation that was paused after too many attempts is resumed."""
        if saga in self.invocations:
            await self.http.patch(f"{self.admin}/invocations/{self.invocations[saga]}/resume")


if __name__ == "__main__":
    serve(Restate())
