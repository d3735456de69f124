"""Follow orders event by event until they have ended. Knows the API and how to tell a moment."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from brewsaga.api_client import Json, OrderApi
from brewsaga.waiting import ASK_AGAIN_SECONDS, is_settled
from saga import story
from saga.story import Moment

FOLLOWED_MAX: Final = 20
"""Orders that are followed at once: each is asked for four times a second."""

Tell = Callable[[str, Moment], None]


async def follow(
    api: OrderApi, saga_ids: Sequence[str], timeout_seconds: float, tell: Tell
) -> dict[str, Json]:
    """Tell each event of each saga once, as it is heard.

    The last known state of each, once all have ended or are parked or the time is over.
    """
    known: dict[str, Json] = {}
    told: set[tuple[str, Moment]] = set()
    open_ids = list(saga_ids)
    deadline = asyncio.get_running_loop().time() + timeout_seconds
    while True:
        heard: list[tuple[str, Moment]] = []
        for saga_id in open_ids:
            known[saga_id] = await api.saga(saga_id)
            moments = story.moments(await api.timeline(saga_id))
            heard += [(saga_id, one._replace(repeats=0)) for one in moments]
        for saga_id, moment in sorted(heard, key=lambda one: one[1].at):
            if (saga_id, moment) not in told:
                told.add((saga_id, moment))
                tell(saga_id, moment)
        open_ids = [one for one in open_ids if not is_settled(known[one])]
        if not open_ids or asyncio.get_running_loop().time() > deadline:
            return known
        await asyncio.sleep(ASK_AGAIN_SECONDS)
