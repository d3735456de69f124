"""A moment as people say it: a span before now, or a time with its zone."""

import re
from datetime import datetime, timedelta
from typing import Final

_SPAN: Final = re.compile(r"(\d{1,6})(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def read_since(text: str, now: datetime) -> datetime:
    """`10m`, `2h` before now, or a time in ISO 8601 with its zone. Raises ValueError."""
    span = _SPAN.fullmatch(text)
    try:
        if span is not None:
            return now - timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
        when = datetime.fromisoformat(text)
    except (ValueError, OverflowError):  # the second: a span that begins before the year 1
        when = None
    if when is None or when.tzinfo is None:
        message = f"since is {text[:40]!r}; give a span (30s, 10m, 2h, 1d) or a time with its zone"
        raise ValueError(message)
    return when
