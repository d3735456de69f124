"""Whether the watches still live: what the API server lists must be what they have told.

A watch may die without an error, and an operator that hears nothing looks healthy. So now and then
the objects are listed, and one of which nothing was heard for a while means that its watch is dead;
the liveness probe then fails, and Kubernetes starts the operator again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from brewsaga_operator.cluster import ApiError

LOOK_SECONDS: Final = 10.0
LATE_LOOKS: Final = 3
"""In so many looks one after the other an object must be unheard of, before its watch is dead."""

log = logging.getLogger(__name__)

Generations = Mapping[str, int]


class Watches:
    """The probe over one kind of object: what is listed, and what was heard."""

    def __init__(
        self, listed: Callable[[], Awaitable[Generations]], heard: Callable[[], Generations]
    ) -> None:
        self._listed = listed
        self._heard = heard
        self._late: dict[str, int] = {}

    @property
    def alive(self) -> bool:
        """Whether all that was listed was heard in time."""
        return all(looks < LATE_LOOKS for looks in self._late.values())

    async def run(self) -> None:
        """Look for ever. That the API server cannot be asked says nothing of a watch."""
        while True:
            try:
                self.compare(await self._listed(), self._heard())
            except ApiError as error:
                log.warning("cannot list: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    def compare(self, listed: Generations, heard: Generations) -> None:
        """Count the looks in which an object is unheard of."""
        unheard = {uid for uid, generation in listed.items() if heard.get(uid, -1) < generation}
        self._late = {uid: self._late.get(uid, 0) + 1 for uid in unheard}
