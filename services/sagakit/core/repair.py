"""What a person may do to a saga that does not go on by itself: four verbs, a choice, and cases.

A verb only makes happen sooner, or again, what the rules allow anyway; so none can break a promise,
and there is no verb that sets a state:

    retry    an undo that is parked or waits is tried again
    redrive  a dead letter is given to the handler again, which judges it as any message
    cancel   a saga that runs is asked to end, where nothing definite forbids it
    resend   what is awaited is said now

A case is one thing that was chosen: how it stands, what the verb makes of it, or why nothing. Pure:
the same cases are shown by a dry run and acted upon. It must not know any business or storage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


class Verb(StrEnum):
    """The four."""

    RETRY = "retry"
    REDRIVE = "redrive"
    CANCEL = "cancel"
    RESEND = "resend"


class Waits(StrEnum):
    """How an undo that is not done waits: for a person, or for its next attempt by itself."""

    PARKED = "parked"
    WAITING = "waiting"
    ANY = "any"


CASES_MAX: Final = 500
"""Of one request; more are asked for page by page."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a verb is for: these ids, or all that fit; None fits everything.

    `since` is when the case began to be one. `after` is the last subject of the page before; a page
    has at most `limit` cases, in the order of their subjects. `mode` is in its short form.
    """

    ids: tuple[str, ...] | None = None
    mode: str | None = None
    state: Waits = Waits.PARKED
    step: str | None = None
    reason: str | None = None
    topic: str | None = None
    since: datetime | None = None
    after: str = ""
    limit: int = CASES_MAX


@dataclass(slots=True)
class Case:
    """One thing that was chosen. `after` is None where the verb changes nothing: `note` says why.

    `work` is what was found out on the way and is needed to act; nobody is shown it.
    """

    subject: str
    saga_id: str | None
    mode: str
    step: str
    before: Mapping[str, Any]
    after: Mapping[str, Any] | None
    note: str = ""
    work: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for it and why. `repair_id` is one command's, in every service that it reaches."""

    repair_id: str
    verb: Verb
    who: str
    why: str
