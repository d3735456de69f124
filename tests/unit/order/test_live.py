"""One look a subject, however many watch."""

import asyncio
from contextlib import aclosing

import pytest

import order.live
from order.live import Live, Sight, TooManyWatchers

SECONDS = 10.0


class Subject:
    """Something that is looked at; how often is counted."""

    def __init__(self, *sights: Sight) -> None:
        self.sights = list(sights)
        self.looks = 0
        self.fails = 0

    async def look(self) -> Sight:
        self.looks += 1
        if self.fails:
            self.fails -= 1
            raise OSError("away")
        return self.sights.pop(0) if len(self.sights) > 1 else self.sights[0]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order.live, "LOOK_FIRST_SECONDS", 0.001)
    monkeypatch.setattr(order.live, "LOOK_MAX_SECONDS", 0.002)


async def seen(live: Live, subject: Subject, name: str = "one") -> list[Sight]:
    async with asyncio.timeout(SECONDS), aclosing(live.watch(name, subject.look)) as sights:
        return [sight async for sight in sights if sight is not None]


async def test_a_watcher_sees_what_changes_until_the_last() -> None:
    subject = Subject(Sight("a"), Sight("a"), Sight("b", is_last=True))
    assert await seen(Live(), subject) == [Sight("a"), Sight("b", is_last=True)]
    assert subject.looks == 3


async def test_many_watchers_cost_one_look() -> None:
    live, subject = Live(), Subject(Sight("end", is_last=True))
    found = await asyncio.gather(*(seen(live, subject) for _ in range(50)))
    assert found == [[Sight("end", is_last=True)]] * 50
    assert subject.looks == 1


async def test_what_nobody_watches_is_not_looked_at() -> None:
    live, subject = Live(), Subject(Sight("a"))
    async with aclosing(live.watch("one", subject.look)) as sights:
        assert await anext(sights) == Sight("a")
    looks = subject.looks
    await asyncio.sleep(0.02)  # a look that goes on would have been counted by now
    assert subject.looks == looks


async def test_a_look_that_fails_is_tried_again() -> None:
    subject = Subject(Sight("a", is_last=True))
    subject.fails = 3
    assert await seen(Live(), subject) == [Sight("a", is_last=True)]


async def test_a_silent_subject_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order.live, "ALIVE_SECONDS", 0.01)
    async with asyncio.timeout(SECONDS):
        async with aclosing(Live().watch("one", Subject(Sight("a")).look)) as sights:
            assert await anext(sights) == Sight("a")
            assert await anext(sights) is None


async def test_a_stop_lets_every_watcher_go() -> None:
    live, subject = Live(), Subject(Sight("a"))
    running = asyncio.create_task(live.run())
    async with asyncio.timeout(SECONDS):
        async with aclosing(live.watch("one", subject.look)) as sights:
            assert await anext(sights) == Sight("a")
            running.cancel()
            assert [sight async for sight in sights] == []
        assert await seen(live, subject) == []


async def test_one_too_many_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order.live, "WATCHERS_MAX", 1)
    live, subject = Live(), Subject(Sight("a"))
    async with aclosing(live.watch("one", subject.look)) as sights:
        await anext(sights)
        with pytest.raises(TooManyWatchers, match="watch already"):
            live.watch("two", subject.look)
    async with aclosing(live.watch("two", subject.look)) as sights:
        assert await anext(sights) == Sight("a")
