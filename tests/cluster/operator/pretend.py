"""Order, the participants' `/faults` and the auditor, pretended by one small process.

`OPERATOR_BACKEND=pretend`: the operator's own promises (once, undo first, converge) can then be
tried on a real API server in a minute, without Kafka and Postgres. A batch is counted once a uid,
as order does; its orders end by themselves a moment after they are placed. What holds of sagas is
shown by the real services alone.
"""

import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException

from sagakit.shell.faults import Switchboard
from sagakit.shell.faults_api import routes

STEPS = ("payment", "inventory", "shipment")
SAGA_SECONDS = 0.5


@dataclass
class Batch:
    """One batch: orders are placed at its rate, and end `SAGA_SECONDS` later."""

    body: dict[str, Any]
    begun: float = field(default_factory=time.monotonic)
    cancelled_at: float | None = None

    def placed(self, seconds: float) -> int:
        until = seconds if self.cancelled_at is None else min(seconds, self.cancelled_at)
        rate = self.body.get("rate_per_second")
        due = self.body["orders"] if rate is None else int(until * rate) + 1
        return max(0, min(self.body["orders"], due)) if until >= 0 else 0

    def told(self, uid: str) -> dict[str, Any]:
        seconds = time.monotonic() - self.begun
        placed, ended = self.placed(seconds), self.placed(seconds - SAGA_SECONDS)
        fails = "shipment=100" in self.body["faults"]
        counts = {"running": placed - ended, "parked": 0, "rejected": 0}
        counts |= {"completed": 0 if fails else ended, "compensated": ended if fails else 0}
        done, undone = (ended, 0) if not fails else (ended, ended)
        now = datetime.now(UTC)
        return {
            "batch_id": uid,
            "orders": self.body["orders"],
            "placed": placed,
            "cancel_asked": self.cancelled_at is not None,
            "cancelled": 0,
            "created_at": (now - timedelta(seconds=seconds)).isoformat(),
            "last_ended_at": now.isoformat() if ended else None,
            "counts": counts,
            "current_step": "payment" if placed > ended else None,
            "owed_by": "payment" if placed > ended else None,
            "steps": [
                {
                    "name": name,
                    "done": 0 if fails and name == "shipment" else done,
                    "refused": ended if fails and name == "shipment" else 0,
                    "compensated": 0 if name == "shipment" else undone,
                    "p50_ms": 5 if ended else None,
                    "p99_ms": 9 if ended else None,
                }
                for name in STEPS
            ],
            "failures": [
                {"saga_id": f"{uid}-{n}", "step": "shipment", "reason": "no courier capacity"}
                for n in range(ended if fails else 0)
            ][:10],
        }


def build() -> FastAPI:
    """Everything under one address; the participants' under /NAME."""
    app = FastAPI()
    _order(app, {})
    _others(app)
    return app


def _order(app: FastAPI, batches: dict[str, Batch]) -> None:
    @app.put("/batches/{uid}")
    async def put(uid: str, body: dict[str, Any]) -> dict[str, Any]:
        if body["drink"] == "tea":
            raise HTTPException(422, "drink is 'tea', which has no price")
        known = batches.setdefault(uid, Batch(body))
        assert known.body == body
        return known.told(uid)

    @app.get("/batches/{uid}/progress")
    async def progress(uid: str) -> dict[str, Any]:
        if uid not in batches:
            raise HTTPException(404, "not known")
        return batches[uid].told(uid)

    @app.post("/batches/{uid}/cancel")
    async def cancel(uid: str) -> dict[str, Any]:
        batch = batches[uid]
        batch.cancelled_at = batch.cancelled_at or time.monotonic() - batch.begun
        return batch.told(uid)

    @app.get("/rows/{uid}")
    async def rows(uid: str) -> list[dict[str, Any]]:
        counts = batches[uid].told(uid)["counts"]
        ended = [
            {"status": "SUCCESS", "outcome": outcome}
            for outcome in ("completed", "compensated")
            for _ in range(counts[outcome])
        ]
        return ended + [{"status": "RUNNING", "outcome": None}] * counts["running"]


def _others(app: FastAPI) -> None:
    @app.get("/sagas")
    async def open_sagas() -> dict[str, Any]:
        return {"sagas": [], "next_cursor": None}

    @app.get("/audit")
    async def audit() -> dict[str, Any]:
        return {"invariants": [{"invariant": 9, "unseen": "", "violations": []}]}

    @app.get("/livez")
    async def live() -> dict[str, Any]:
        return {}

    for service in STEPS:
        app.include_router(routes(Switchboard()), prefix=f"/{service}")


if __name__ == "__main__":
    uvicorn.run(build(), port=int(sys.argv[1]), log_level="warning")
