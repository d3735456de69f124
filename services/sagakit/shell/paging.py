"""Where a page of a list ends, to be handed back as it is: the cursor of every API.

A page goes on after a row's time of creation and its saga id, so that what is added meanwhile
neither shifts nor doubles anything. It must not know what is listed.
"""

import base64
from datetime import datetime
from typing import Annotated, Final, NamedTuple

from fastapi import Query
from fastapi.exceptions import RequestValidationError

PAGE_MAX: Final = 1_000
PAGE_DEFAULT: Final = 100
CURSOR_LENGTH_MAX: Final = 256

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="rows of a page at most")]
Cursor = Annotated[
    str | None,
    Query(max_length=CURSOR_LENGTH_MAX, description="next_cursor of the page before, unchanged"),
]


class Place(NamedTuple):
    """Where a page ended: the last row on it."""

    created_at: datetime
    saga_id: str


def write_cursor(created_at: datetime, saga_id: str) -> str:
    """The place as text."""
    return base64.urlsafe_b64encode(f"{created_at.isoformat()} {saga_id}".encode()).decode()


def read_cursor(cursor: str | None) -> Place | None:
    """The place that `write_cursor` wrote; None for no cursor. Raises RequestValidationError."""
    if cursor is None:
        return None
    try:
        text, _, saga_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        when = datetime.fromisoformat(text)
    except ValueError:  # binascii.Error and UnicodeDecodeError are ValueErrors too
        raise _not_ours() from None
    if when.tzinfo is None or not saga_id or "\0" in saga_id:
        raise _not_ours()
    return Place(when, saga_id)


def _not_ours() -> RequestValidationError:
    message = "must be the next_cursor of the page before, unchanged"
    wrong = {"loc": ("query", "cursor"), "msg": message, "type": "value_error"}
    return RequestValidationError([wrong])
