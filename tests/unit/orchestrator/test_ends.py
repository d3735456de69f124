"""The bell for those who wait for an end."""

import asyncio

from orchestrator.ends import WAITERS_MAX, Ends


async def test_an_end_between_look_and_wait_is_not_missed() -> None:
    ends = Ends()
    with ends.listen(["a", "b"]) as rang:
        ends.ring(["b", "z"])
        await asyncio.wait_for(rang.wait(), 1)


async def test_ends_of_others_wake_no_one_and_who_left_is_forgotten() -> None:
    ends = Ends()
    with ends.listen(["a"]) as rang:
        ends.ring(["b"])
        assert not rang.is_set()
    ends.ring(["a"])
    assert not rang.is_set()


async def test_too_many_waiters_are_served_by_their_time_out() -> None:
    ends = Ends()
    lists = [ends.listen(["a"]) for _ in range(WAITERS_MAX + 1)]
    rang = [one.__enter__() for one in lists]
    ends.ring(["a"])
    assert [event.is_set() for event in rang] == [True] * WAITERS_MAX + [False]
    for one in lists:
        one.__exit__(None, None, None)
