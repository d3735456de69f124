"""What the repair verbs are sent and answer, field by field, as the OpenAPI files describe it.

Bounds stand at the fields. It must not know the database, nor any business.
"""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from sagakit.core.repair import CASES_MAX, Choice, Verb, Waits
from sagakit.shell.metrics import MODE_WORDS
from sagakit.shell.spans import read_since

TEXT_MAX: Final = 500
ID_MAX: Final = 64
NUMBER_MAX: Final = 2**62
NO_NUL: Final = r"^[^\x00]*$"
"""Postgres stores no such character in a text."""
_SHORT: Final = {form: short for short, long in MODE_WORDS.items() for form in (short, long)}

LongMode = Literal["choreography", "orchestration"]
Word = Annotated[str, Field(max_length=TEXT_MAX, pattern=NO_NUL)]
Id = Annotated[str, Field(max_length=ID_MAX, pattern=NO_NUL)]


class Parked(BaseModel):
    """An undo that waits, for a person (`parked`) or for its next attempt (`waiting`)."""

    saga_id: str
    mode: LongMode
    step: str
    state: Literal["parked", "waiting"]
    reason: str = Field(description="why the saga turned back")
    attempts: int = Field(description="attempts that failed; never set back")
    reference: str
    since: datetime = Field(description="when it was tried last, or parked")
    next_attempt_at: datetime | None
    created_at: datetime


class ParkedPage(BaseModel):
    """Undos by saga; `next_after` is null on the last page."""

    parked: list[Parked]
    next_after: str | None


class Letter(BaseModel):
    """A message that was put aside, with its cause and what was tried since."""

    id: int
    mode: LongMode
    topic: str
    partition: int
    offset: int
    saga_id: str | None
    reason: str
    detail: str
    size_bytes: int
    heard_at: datetime
    redrives: int
    redriven_at: datetime | None
    handled_at: datetime | None = Field(description="null: it is a dead letter still")


class LetterPage(BaseModel):
    """Dead letters, the oldest first; `next_after` is null on the last page."""

    dead_letters: list[Letter]
    next_after: str | None


class RepairRequest(BaseModel):
    """A verb, for `ids`, or for all that fit the filters; all there is only by `everything`."""

    model_config = ConfigDict(extra="forbid")

    verb: Verb
    dry_run: bool = False
    who: Word = ""
    why: Word = ""
    repair_id: uuid.UUID | None = Field(default=None, description="of one command for many")
    ids: list[Id] | None = Field(default=None, max_length=CASES_MAX)
    everything: bool = False
    mode: Literal["choreo", "orch", "choreography", "orchestration"] | None = None
    state: Waits | None = Field(default=None, description="left out: parked")
    step: Word | None = None
    reason: Word | None = None
    topic: Word | None = Field(default=None, description="without the prefix")
    since: Word | None = Field(default=None, description="30s, 10m, 2h, 1d, or a time and zone")
    limit: int = Field(default=CASES_MAX, ge=1, le=CASES_MAX)
    after: Id = ""

    def filters(self) -> set[str]:
        """The filters that were given."""
        named = ("mode", "state", "step", "reason", "topic", "since")
        return {name for name in named if getattr(self, name) is not None}

    def choice(self) -> Choice:
        """As the verbs take it: ids are meant as they are, whatever their state."""
        state = Waits.ANY if self.ids is not None else self.state or Waits.PARKED
        return Choice(
            None if self.ids is None else tuple(self.ids),
            None if self.mode is None else _SHORT[self.mode],
            state,
            self.step,
            self.reason,
            self.topic,
            None if self.since is None else _moment(self.since),
            self.after,
            self.limit,
        )


class CaseView(BaseModel):
    """One thing that was chosen; `after` is null where nothing changes, and `note` says why."""

    subject: str
    saga_id: str | None
    mode: LongMode
    step: str
    before: dict[str, Any]
    after: dict[str, Any] | None
    note: str


class RepairAnswer(BaseModel):
    """What was done, or by a dry run would be."""

    repair_id: uuid.UUID
    service: str
    verb: Verb
    dry_run: bool
    changed: int = Field(description="cases that were changed; by a dry run, that would be")
    cases: list[CaseView]
    next_after: str | None = Field(description="give it as `after` for the next page; null: done")


class Repaired(BaseModel):
    """One change of the trail."""

    number: int
    repair_id: uuid.UUID
    verb: Verb
    subject: str
    saga_id: str | None
    mode: LongMode
    who: str
    why: str
    before: dict[str, Any]
    after: dict[str, Any]
    created_at: datetime


class Trail(BaseModel):
    """What people did, the latest first; `next_before` is null on the last page."""

    repairs: list[Repaired]
    next_before: int | None


def invalid(field: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("body", field), "msg": message, "type": "value_error"}])


def _moment(text: str) -> datetime:
    try:
        return read_since(text, datetime.now(UTC))
    except ValueError as error:
        raise invalid("since", str(error)) from error
