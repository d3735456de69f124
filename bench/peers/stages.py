"""What a case is played on: the verbs that every engine and BrewSaga have alike."""

from collections.abc import Sequence
from typing import Protocol

from peers.ledger import Fault, Kind
from peers.steps import Action, Claim


class Stage(Protocol):
    """One engine, running, with its participants. Whoever starts twice means the same id."""

    async def arm(self, saga: str, faults: Sequence[Fault]) -> None:
        """From now on these go wrong."""

    async def start(self, saga: str) -> None:
        """Begin it, as a client that asks again when it is not answered."""

    async def cancel(self, saga: str) -> None:
        """Ask for its end."""

    async def lift(self, saga: str) -> None:
        """Nothing goes wrong any more."""

    async def mend(self, saga: str) -> None:
        """Take up what the engine gave up."""

    async def repeat(self, saga: str) -> None:
        """Deliver again what was delivered."""

    async def undo_first(self, saga: str) -> None:
        """Deliver a refund of what was not charged."""

    async def effects(self, saga: str) -> list[Action]:
        """What was really done, in its order."""

    async def calls(self, saga: str) -> list[Action]:
        """What participants were asked for; empty where nobody counts that."""

    async def happened(self, saga: str) -> set[Kind]:
        """Which faults came about."""

    async def claim(self, saga: str) -> Claim:
        """What the engine says."""

    async def renew(self) -> None:
        """Fresh processes, after a case that went wrong."""
