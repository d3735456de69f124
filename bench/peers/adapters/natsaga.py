"""natsaga: commands and answers over NATS JetStream, the saga's state and outbox in Postgres.

Orchestrator, listener, relay, timeout checker and the three participants are one process here. A
participant that is not answered hands its message back, to be delivered again, as its integration
contract asks for.
"""

import asyncio
import json
import logging
import os
import uuid
from typing import Final

import nats
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig
from nats_outbox.core.models import Base as OutboxBase
from nats_outbox.publishers.nats_publisher import NatsPublisher
from nats_outbox.relay.polling import PollingRelay
from nats_outbox.settings import OutboxSettings
from natsaga.core.models import Base as SagaBase
from natsaga.core.models import SagaState
from natsaga.core.saga import Saga
from natsaga.core.step import Step
from natsaga.listener import SagaListener
from natsaga.orchestrator import SagaOrchestrator
from natsaga.timeout_checker import TimeoutChecker
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from peers.adapters import participants
from peers.adapters.worker import serve
from peers.steps import FORWARD, UNDO, Action, Claim

COMMANDS, ANSWERS = "COMMANDS", "ANSWERS"
STEP_SECONDS: Final = 10
"""The least that natsaga's documentation recommends; a late participant takes longer."""

POLL_SECONDS: Final = 0.01
"""Of the relay; its default, a second, would be the whole latency."""

CLAIMS: Final = {
    "completed": Claim.COMPLETED,
    "failed": Claim.UNDONE,
    "compensation_failed": Claim.BROKEN,
}
VOID: Final = "nothing"


class OrderSaga(Saga):
    """The saga."""

    saga_type = "order"

    @classmethod
    def steps(cls) -> list[Step]:
        return [
            Step(
                name=action.value,
                action_subject=f"do.{action.value}",
                compensation_subject=f"do.{UNDO[action].value}" if action in UNDO else "do.nothing",
                timeout_seconds=STEP_SECONDS,
            )
            for action in FORWARD
        ]


def _id_of(saga: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, saga)


class Natsaga:
    """The verbs, in natsaga's words."""

    async def open(self) -> None:
        logging.disable(logging.WARNING)
        self._tasks: set[asyncio.Task[None]] = set()
        url = os.environ["PEERS_STORE_URL"].replace("postgresql://", "postgresql+asyncpg://")
        engine = create_async_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)
        self.sessions = async_sessionmaker(engine, expire_on_commit=False)
        async with engine.begin() as connection:
            await connection.run_sync(SagaBase.metadata.create_all)
            await connection.run_sync(OutboxBase.metadata.create_all)
        self.nats: Nats = await nats.connect(
            os.environ["PEERS_NATS"], max_reconnect_attempts=-1, reconnect_time_wait=0.2
        )
        self.stream: JetStreamContext = self.nats.jetstream()
        responses = [f"do.{action}.response.>" for action in [*Action, VOID]]
        commands = [f"do.{action}" for action in [*Action, VOID]]
        await self.stream.add_stream(StreamConfig(name=COMMANDS, subjects=commands))
        await self.stream.add_stream(StreamConfig(name=ANSWERS, subjects=responses))
        self.orchestrator = SagaOrchestrator(self.sessions)
        self.orchestrator.register(OrderSaga)
        listener = SagaListener(self.stream, self.orchestrator, ANSWERS)
        await listener.subscribe_all()
        settings = OutboxSettings(
            database_url=url, nats_url=os.environ["PEERS_NATS"], polling_interval=POLL_SECONDS
        )
        relay = PollingRelay(
            self.sessions, await NatsPublisher.from_nats_client(self.nats), settings
        )
        checker = TimeoutChecker(self.sessions, self.orchestrator, poll_interval_seconds=1.0)
        await checker.start()
        for action in [*Action, VOID]:
            await self.stream.subscribe(
                f"do.{action}",
                stream=COMMANDS,
                durable=f"participant_{action}",
                cb=self._hear,
                manual_ack=True,
                config=ConsumerConfig(ack_wait=participants.ANSWER_SECONDS + 1),
            )
        self._running = asyncio.create_task(relay.start())

    async def _hear(self, message: Msg) -> None:
        """In a task of its own, so that one slow call holds up no other."""
        task = asyncio.create_task(self._take_part(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_part(self, message: Msg) -> None:
        command = json.loads(message.data)
        action = message.subject.removeprefix("do.")
        try:
            done = action == VOID or await participants.call_async(
                Action(action), command["saga_payload"]["saga"]
            )
        except participants.UnansweredError:
            await message.nak(delay=participants.RETRY_SECONDS)
            return
        outcome = {"outcome": "success", "result": {}} if done else {"outcome": "failure"}
        subject = f"{message.subject}.response.{command['saga_id']}.{command['step_index']}"
        await self.stream.publish(subject, json.dumps(outcome).encode())
        await message.ack()

    async def start(self, saga: str) -> None:
        await self.orchestrator.start(OrderSaga, {"saga": saga}, saga_id=_id_of(saga))

    async def run(self, saga: str) -> None:
        await self.start(saga)
        while await self.claim(saga) is Claim.OPEN:
            await asyncio.sleep(POLL_SECONDS)

    async def claim(self, saga: str) -> Claim:
        async with self.sessions() as session:
            query = select(SagaState.status).where(SagaState.id == _id_of(saga))
            status = (await session.execute(query)).scalar_one_or_none()
        return CLAIMS.get(str(status), Claim.OPEN)

    async def cancel(self, saga: str) -> None:
        raise NotImplementedError(f"natsaga cancels no saga, and so not {saga}")

    async def mend(self, saga: str) -> None:
        """Compensations are never tried again, and there is no command for it."""

    async def repeat(self, saga: str) -> None:
        """Every command and answer of the saga, published again."""
        for stream in (COMMANDS, ANSWERS):
            info = await self.stream.stream_info(stream)
            for number in range(info.state.first_seq, info.state.last_seq + 1):
                told = await self.stream.get_msg(stream, number)
                mine = str(_id_of(saga))
                if mine in (told.subject or "") or mine.encode() in (told.data or b""):
                    await self.stream.publish(told.subject or "", told.data or b"")

    async def undo_first(self, saga: str) -> None:
        command = {"saga_id": str(_id_of(saga)), "step_index": 0, "saga_payload": {"saga": saga}}
        await self.stream.publish(f"do.{Action.REFUND}", json.dumps(command).encode())


if __name__ == "__main__":
    serve(Natsaga())
