"""A watch is dead when what is listed was not heard, look after look."""

from brewsaga_operator.watches import LATE_LOOKS, Watches


async def nothing() -> dict[str, int]:
    return {}


def watches() -> Watches:
    return Watches(nothing, dict)


def test_what_was_heard_is_alive() -> None:
    looked = watches()
    for _ in range(LATE_LOOKS + 1):
        looked.compare({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 1})
    assert looked.alive


def test_an_object_that_is_never_heard_of_means_death() -> None:
    looked = watches()
    for _ in range(LATE_LOOKS):
        assert looked.alive
        looked.compare({"a": 1}, {})
    assert not looked.alive
    looked.compare({"a": 1}, {"a": 1})
    assert looked.alive


def test_a_change_that_is_not_heard_means_death_too_and_different_ones_do_not() -> None:
    looked = watches()
    for number in range(LATE_LOOKS + 1):
        looked.compare({str(number): 2}, {})
    assert looked.alive
    for _ in range(LATE_LOOKS):
        looked.compare({"a": 2}, {"a": 1})
    assert not looked.alive
