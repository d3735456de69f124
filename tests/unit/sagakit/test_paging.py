"""A cursor is what was written, or a problem that names it."""

import base64
from datetime import UTC, datetime

import pytest
from fastapi.exceptions import RequestValidationError

from sagakit.shell.paging import Place, read_cursor, write_cursor

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def test_a_cursor_comes_back_as_it_was() -> None:
    assert read_cursor(write_cursor(WHEN, "s-1")) == Place(WHEN, "s-1")
    assert read_cursor(None) is None


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-01-02T03:04:05 s-1", "2026-01-02T03:04:05+00:00 a\0", "\xff"]
)
def test_what_is_not_ours_is_named(text: str) -> None:
    with pytest.raises(RequestValidationError) as caught:
        read_cursor(base64.urlsafe_b64encode(text.encode("latin-1")).decode())
    assert caught.value.errors()[0]["loc"] == ("query", "cursor")


@pytest.mark.parametrize("cursor", ["not one of ours", "=", "\xe9"])
def test_what_is_no_text_of_ours_is_named(cursor: str) -> None:
    with pytest.raises(RequestValidationError):
        read_cursor(cursor)
