"""python-saga-orchestrator: an embedded engine, its sagas in Postgres by SQLAlchemy.

A step that raises is tried again by its policy, and then undone; the engine cannot tell a refusal
from an error, so ten attempts half a second apart are made of both. `run_due` is called all the
time, as its documentation asks for, and finds what a dead process left once its lease is over.
"""

import asyncio
import logging
import os
import uuid
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel
from saga_orchestrator import (
    BaseStep,
    SagaAdmin,
    SagaBuilder,
    SagaOrchestrator,
    SagaStateMixin,
    SagaStepHistoryMixin,
)
from saga_orchestrator.domain.models.enums import SagaStepPhase
from saga_orchestrator.domain.models.retry import FixedRetry
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from peers.adapters import participants
from peers.adapters.worker import WithoutMessages, serve
from peers.steps import FORWARD, UNDO, Action, Claim

ATTEMPTS: Final = 10
LEASE: Final = timedelta(seconds=10)
"""After which a saga of a dead process is taken up; its default of five minutes fits no test."""

DUE_SECONDS: Final = 0.2
CLAIMS: Final = {
    "COMPLETED": Claim.COMPLETED,
    "COMPENSATED": Claim.UNDONE,
    "FAILED": Claim.BROKEN,
}


class Base(DeclarativeBase):
    """Tables of this adapter."""


class History(Base, SagaStepHistoryMixin):
    """What each step did."""

    __tablename__ = "history"
    saga_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("state.id", ondelete="CASCADE"), index=True
    )


class State(Base, SagaStateMixin):
    """A saga."""

    __tablename__ = "state"
    step_history: Mapped[list[History]] = relationship(
        "History", cascade="all, delete-orphan", order_by="History.id"
    )


class Given(BaseModel):
    """What each step is told."""

    saga: str


class Ask(BaseStep[Given, Given]):
    """One step and its undo."""

    def __init__(self, action: Action) -> None:
        self.action = action

    async def execute(
        self, inp: Given, event_type: str | None = None, event_payload: Any | None = None
    ) -> Given:
        await self._ask(self.action, inp)
        return inp

    async def compensate(
        self,
        inp: Given,
        out: Given,
        event_type: str | None = None,
        event_payload: Any | None = None,
    ) -> None:
        if self.action in UNDO:
            await self._ask(UNDO[self.action], inp)

    async def _ask(self, action: Action, inp: Given) -> None:
        if not await participants.call_async(action, inp.saga):
            raise ValueError(f"{action} was refused")


class Orchestrator(WithoutMessages):
    """The verbs, in the library's words."""

    async def open(self) -> None:
        logging.disable(logging.ERROR)
        url = os.environ["PEERS_STORE_URL"].replace("postgresql://", "postgresql+asyncpg://")
        engine = create_async_engine(url, pool_pre_ping=True, pool_size=20, max_overflow=40)
        self.sessions = async_sessionmaker(engine, expire_on_commit=False)
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        self.engine = SagaOrchestrator[State, History](
            model_class=State,
            history_model_class=History,
            session_maker=self.sessions,
            execution_lease=LEASE,
        )
        self.admin = SagaAdmin[State, History](engine=self.engine.engine)
        builder = SagaBuilder()
        policy = FixedRetry(ATTEMPTS, timedelta(seconds=participants.RETRY_SECONDS))
        for action in FORWARD:
            builder.add_step(
                step=Ask(action),
                input_map=lambda context: Given(saga=context.initial_data["saga"]),
                retry_policy=policy,
            )
        self.engine.register("order", builder.build())
        self._running: set[asyncio.Task[Any]] = {asyncio.create_task(self._run_due())}

    async def _run_due(self) -> None:
        while True:
            try:
                await self.engine.run_due(limit=100)
            except Exception as error:  # noqa: BLE001 - a store that is away comes back
                print(f"run_due: {error!r}", flush=True)
            await asyncio.sleep(DUE_SECONDS)

    async def start(self, saga: str) -> None:
        """It drives the saga as far as it can, so it is not waited for."""
        task = asyncio.create_task(self.run(saga))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def run(self, saga: str) -> None:
        await self.engine.start(saga_name="order", initial_data={"saga": saga}, aggregation_id=saga)

    async def _state(self, saga: str) -> Any:
        async with self.sessions() as session:
            query = select(State.id, State.status).where(State.aggregation_id == saga)
            return (await session.execute(query)).first()

    async def _began_to_undo(self, state: Any) -> bool:
        """FAILED is said of an undo that failed, and of a first step with nothing to undo."""
        async with self.sessions() as session:
            undone = select(History.id).where(
                History.saga_id == state.id, History.phase == SagaStepPhase.COMPENSATE
            )
            return (await session.execute(undone)).first() is not None

    async def claim(self, saga: str) -> Claim:
        state = await self._state(saga)
        claim = CLAIMS.get(state.status.name, Claim.OPEN) if state else Claim.OPEN
        if claim is Claim.BROKEN and not await self._began_to_undo(state):
            return Claim.UNDONE
        return claim

    async def cancel(self, saga: str) -> None:
        await self.admin.compensate_step((await self._state(saga)).id)

    async def mend(self, saga: str) -> None:
        if await self.claim(saga) is Claim.BROKEN:
            await self.admin.compensate_step((await self._state(saga)).id)


if __name__ == "__main__":
    serve(Orchestrator())
