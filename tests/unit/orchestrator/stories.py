"""A saga told in sentences: place it, let participants answer, and look at what was said."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from orchestrator.domain import Decision, Effect, Heard, PlaceOrder, Policy, Reply, Saga, decide
from saga.terms import Terms
from sagakit.core.steps import Answer, Command

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TERMS = Terms(customer_id="ada", amount_cents=350, currency="EUR", drink="espresso", quantity=1)
AUTHORIZE, REFUND = Command("payment", "AUTHORIZE"), Command("payment", "REFUND")
RESERVE, RELEASE = Command("inventory", "RESERVE"), Command("inventory", "RELEASE")
SCHEDULE = Command("shipment", "SCHEDULE")
COMMANDS = (AUTHORIZE, RESERVE, SCHEDULE, RELEASE, REFUND)


def place(*, cancel: bool = False, terms: Terms = TERMS) -> PlaceOrder:
    return PlaceOrder("s", terms, cancel)


def ok(command: Command, reference: str = "") -> Reply:
    return Reply("s", command, Answer.OK, reference)


def refused(command: Command, reason: str = "no") -> Reply:
    return Reply("s", command, Answer.REFUSED, "", reason)


@dataclass
class Story:
    """Everything that happened to saga `s`."""

    policy: Policy = field(default_factory=Policy)
    saga: Saga | None = None
    said: list[Command] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    now: datetime = BEGIN

    def hear(self, *messages: Heard) -> "Story":
        for message in messages:
            self.now += timedelta(seconds=1)
            decision = decide(self.saga, message, self.now, self.policy)
            self.saga = decision.saga
            self.decisions.append(decision)
            if decision.say is not None:
                self.said.append(decision.say)
        return self

    @property
    def row(self) -> Saga:
        assert self.saga is not None
        return self.saga

    @property
    def last(self) -> Decision:
        return self.decisions[-1]

    @property
    def effects(self) -> list[Effect]:
        return [decision.effect for decision in self.decisions]
