"""Foreign headers may hold anything, and none of it may stop a record from being handled."""

import pytest

from sagakit.shell.headers import LENGTH_MAX, header
from sagakit.shell.ports import Record


def _broken() -> object:
    return b"\xff".decode()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, ""),
        ([], ""),
        ([("other", b"1")], ""),
        ([("ce_id", b"a"), ("ce_id", b"b")], "a"),
        ([("ce_id", "text")], "text"),
        ([("ce_id", None)], ""),
        ([("ce_id", b"\xff\x00")], "\ufffd\ufffd"),
        ([("ce_id", b"x" * 200)], "x" * LENGTH_MAX),
    ],
)
def test_an_id_is_what_can_be_stored_of_the_first(headers: object, expected: str) -> None:
    assert header(lambda: headers, "ce_id") == expected


def test_a_name_that_is_no_text_is_as_no_headers() -> None:
    assert header(_broken, "ce_id") == ""


def test_headers_are_not_read_until_they_are_asked_for() -> None:
    asked: list[int] = []

    def headers() -> object:
        asked.append(1)
        return [("traceparent", b"t")]

    record = Record("choreo.in", 0, 0, b"", b"", headers)
    assert not asked
    assert record.traceparent == "t"
    assert record.message_id == ""
