"""Durations as Kubernetes writes them (`90s`, `1m30s`, `1h`), read and written. Pure."""

import re
from datetime import timedelta
from typing import Final

_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_MINUTE: Final = 60
_SHOWN_WITH_TENTHS: Final = 10.0


def parse(text: str) -> timedelta:
    """A duration. Raises ValueError."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        message = f"duration is {text!r}; write it like 30s, 5m or 1h30m"
        raise ValueError(message)
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))


def told(span: timedelta) -> str:
    """A duration for people: `0.8s`, `42s`, `3m5s`."""
    seconds = max(0.0, span.total_seconds())
    if seconds < _SHOWN_WITH_TENTHS:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
