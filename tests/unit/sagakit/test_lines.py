"""A batch's lines: what varies is an array, what does not is sent once, and the text says which."""

import re

from sagakit.shell.lines import insertion, write_lines

COLUMNS = (("cup", "text"), ("size", "integer"), ("note", "text"))
INSERT = insertion("cups", COLUMNS)


def test_no_lines_are_no_write() -> None:
    assert write_lines(INSERT, COLUMNS, []) == []


def test_one_line_needs_no_array() -> None:
    (one,) = write_lines(INSERT, COLUMNS, [("a", 1, None)])
    assert one.values == ["a", 1, None]
    assert one.rows == 1
    assert "unnest" not in one.sql


def test_a_column_in_which_all_agree_is_sent_once() -> None:
    (one,) = write_lines(INSERT, COLUMNS, [("a", 1, None), ("b", 1, None)])
    assert one.values == [("a", "b"), 1, None]
    assert one.rows == 2
    assert "unnest($1::text[]) AS varying (cup)" in one.sql
    assert "$2::integer AS size, $3::text AS note" in one.sql


def test_a_null_among_values_is_no_agreement() -> None:
    (one,) = write_lines(INSERT, COLUMNS, [("a", 1, None), ("b", None, "x")])
    assert one.values == [("a", "b"), (1, None), (None, "x")]


def test_equal_lines_are_still_as_many_as_they_are() -> None:
    (one,) = write_lines(INSERT, COLUMNS, [("a", 1, "x"), ("a", 1, "x")])
    assert one.values == [("a", "a"), 1, "x"]
    assert one.rows == 2


def test_every_parameter_is_in_the_text_once() -> None:
    (one,) = write_lines(INSERT, COLUMNS, [("a", 1, "x"), ("b", 1, "y")])
    assert sorted(re.findall(r"\$\d", one.sql)) == ["$1", "$2", "$3"]
