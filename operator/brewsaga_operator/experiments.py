"""The experiments as kopf knows them: one course each, and what the watch has told of them."""

from collections.abc import Mapping
from typing import Any

from brewsaga_operator.course import Course, Parts, Stop


class Experiments:
    """Runs experiments to their ends."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._heard: dict[str, int] = {}

    def seen(self, body: Mapping[str, Any]) -> None:
        """The watch has told of an experiment."""
        self._heard[body["metadata"]["uid"]] = body["metadata"]["generation"]

    def gone(self, uid: str) -> None:
        """It is deleted."""
        self._heard.pop(uid, None)

    def generations(self) -> dict[str, int]:
        """What the watch has told so far."""
        return self._heard

    async def run(self, body: Mapping[str, Any], stop: Stop) -> None:
        """One experiment to its end. `body` is a live view: an abort is seen in it."""
        await Course(self._parts, body, stop).run()
