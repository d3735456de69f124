"""Orders are followed event by event, each told once, until the last has ended."""

from typing import Any

from brewsaga.following import follow
from saga.story import Moment

EVENTS = ("order-requested", "payment-completed", "inventory-reserved", "shipment-scheduled")


class Told:
    """An API that has heard one event more each time it is asked."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}

    async def saga(self, saga_id: str) -> dict[str, Any]:
        self.asked[saga_id] = self.asked.get(saga_id, 0) + 1
        ended = self.asked[saga_id] >= len(EVENTS) and saga_id != "never"
        return {"saga_id": saga_id, "status": "SUCCESS" if ended else "RUNNING"}

    async def timeline(self, saga_id: str) -> dict[str, Any]:
        heard = EVENTS[: self.asked[saga_id]]
        return {
            "mode": "choreography",
            "events": [
                {
                    "event": event,
                    "occurred_at": f"2026-11-25T00:00:0{number}+00:00",
                    "reference": "",
                    "reason": "",
                    # Heard again meanwhile, which is no other event.
                    "repeats": self.asked[saga_id] - number,
                }
                for number, event in enumerate(heard)
            ],
        }


async def told_of(saga_ids: list[str], seconds: float) -> tuple[list[str], dict[str, Any]]:
    lines: list[str] = []

    def tell(saga_id: str, moment: Moment) -> None:
        lines.append(f"{saga_id} {moment.event}")

    api: Any = Told()
    known = await follow(api, saga_ids, seconds, tell)
    return lines, known


async def test_each_event_of_each_order_is_told_once_and_in_time() -> None:
    lines, known = await told_of(["a", "b"], 60)
    assert lines == [f"{saga} {event}" for event in EVENTS for saga in ("a", "b")]
    assert {saga["status"] for saga in known.values()} == {"SUCCESS"}


async def test_what_does_not_end_is_followed_until_the_time_is_over() -> None:
    lines, known = await told_of(["never"], 0.1)
    assert lines[0] == "never order-requested"
    assert known["never"]["status"] == "RUNNING"
