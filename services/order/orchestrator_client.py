"""What the order service asks of the orchestrator's API, and how it reads the answers. Another
service's database is never read.

A foreign orchestrator may lack this API; then nothing is learnt and nothing breaks. It must not
know the database.
"""

from collections.abc import Sequence
from typing import Any, Final

import httpx

from order.domain import Status, orchestrated_outcome
from order.progress import Failure, StepsTold
from order.store_follow import Report
from saga.contract import Outcome

ANSWER_TIMEOUT_SECONDS: Final = 5.0
"""For an answer beyond what the orchestrator was asked to wait."""


class Unreachable(Exception):  # noqa: N818 - named for what the caller finds
    """The orchestrator does not answer, or not in words that can be read. The text says which."""


class OrchestratorClient:
    """A thin client; the caller owns the HTTP client and closes it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ends(self, saga_ids: Sequence[str], *, wait_seconds: float) -> list[Report]:
        """How those of these sagas ended that have. Waits while there is none. Raises
        Unreachable.
        """
        return await self._query(saga_ids, wait_seconds, ended_only=True)

    async def standings(self, saga_ids: Sequence[str]) -> list[Report]:
        """Where these sagas stand; unknown ones are left out. Raises Unreachable."""
        return await self._query(saga_ids, 0.0, ended_only=False)

    async def _query(
        self, saga_ids: Sequence[str], wait_seconds: float, *, ended_only: bool
    ) -> list[Report]:
        body = {"ids": list(saga_ids), "wait_seconds": wait_seconds, "ended_only": ended_only}
        answer = await self._ask("POST", "/sagas/query", json=body, wait_seconds=wait_seconds)
        try:
            return [_report(saga) for saga in answer["sagas"]]
        except (KeyError, TypeError, ValueError) as error:
            message = f"POST /sagas/query answered something else: {error!r}"
            raise Unreachable(message) from error

    async def steps(self, saga_ids: Sequence[str]) -> StepsTold:
        """How the steps of these sagas went. Raises Unreachable."""
        answer = await self._ask("POST", "/sagas/steps", json={"ids": list(saga_ids)})
        try:
            times = [
                (one["step"], one["outcome"], [int(each) for each in one["durations_ms"]])
                for one in answer["steps"]
            ]
            failures = [
                Failure(one["saga_id"], one["step"], one["reason"]) for one in answer["refusals"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            message = f"POST /sagas/steps answered something else: {error!r}"
            raise Unreachable(message) from error
        return StepsTold(times, failures)

    async def show(self, saga_id: str) -> dict[str, Any] | None:
        """One saga with its history; None where the orchestrator does not know it. Raises
        Unreachable.
        """
        found: dict[str, Any] | None = await self._ask(
            "GET", f"/sagas/{saga_id}", missing_is_none=True
        )
        return found

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        wait_seconds: float = 0.0,
        missing_is_none: bool = False,
    ) -> Any:
        try:
            response = await self._http.request(
                method, path, json=json, timeout=wait_seconds + ANSWER_TIMEOUT_SECONDS
            )
            if missing_is_none and response.status_code == httpx.codes.NOT_FOUND:
                return None
            response.raise_for_status()
            return response.json()
        except (httpx.HTTPError, ValueError) as error:
            message = f"{method} {path}: {str(error) or type(error).__name__}"
            raise Unreachable(message) from error


def _report(saga: dict[str, Any]) -> Report:
    status = Status(saga["status"])
    said = saga.get("outcome")
    outcome = Outcome(said) if said else orchestrated_outcome(status, saga.get("payment_id") or "")
    return Report(
        saga["saga_id"],
        status.value,
        saga["current_step"],
        outcome,
        saga.get("failure_reason") or "",
        bool(saga.get("parked", saga.get("parked_at"))),
        bool(saga.get("cancel_asked")),
    )
