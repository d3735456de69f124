"""Durations as Kubernetes writes them."""

from datetime import timedelta

import pytest

from brewsaga_operator import duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h30m", 5_400), ("250ms", 0.25), ("1.5s", 1.5)],
)
def test_read(text: str, seconds: float) -> None:
    assert duration.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "30", "s", "1d", "-1s", "1s ", "1 s"])
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it like 30s"):
        duration.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0s"), (3.21, "3.2s"), (42.4, "42s"), (185, "3m5s"), (-1, "0.0s")],
)
def test_told(seconds: float, text: str) -> None:
    assert duration.told(timedelta(seconds=seconds)) == text
