"""What a record's headers say. They are for people and traces, no decision needs one: so they are
read when somebody asks, and of most records nobody does.

Foreign headers may hold anything. It must not know who consumes.
"""

from collections.abc import Callable
from typing import Final

Headers = Callable[[], object]
"""Gives a record's headers: (name, value) pairs, or anything else where there are none."""

MESSAGE_ID: Final = "ce_id"
TRACEPARENT: Final = "traceparent"
LENGTH_MAX: Final = 128
"""A header's text that is longer is cut."""


def no_headers() -> object:
    """The headers of a record that has none."""
    return None


def header(headers: Headers, wanted: str) -> str:
    """The first of this name, fit to be stored; empty where there is none."""
    try:
        found = headers()
    except UnicodeError:  # a name that is no text
        return ""
    if not isinstance(found, list):
        return ""
    for name, value in found:
        if name == wanted:
            text = value.decode(errors="replace") if isinstance(value, bytes) else (value or "")
            return clean(text[:LENGTH_MAX])
    return ""


def clean(text: str) -> str:
    """`text` as Postgres and UTF-8 take it.

    Foreign keys and messages of errors may hold anything.
    """
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()
