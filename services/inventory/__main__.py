"""Runs inventory: reads the settings and puts the parts together. Nothing else does either.

`python -m inventory` serves; `python -m inventory refill INGREDIENT UNITS --name NAME` adds stock
and ends.
"""

import argparse
import asyncio
import sys
from functools import partial
from typing import Final

from inventory.participant import CHOREOGRAPHY, ORCHESTRATION, REFERENCE_PREFIX, SERVICE
from inventory.settings import InventorySettings
from inventory.store import SHAPE, InventoryStore, refill
from inventory.store_audit import PROMISES
from inventory.wire import InventoryWire
from saga import metrics
from sagakit.shell import crash_points
from sagakit.shell.blueprint import Blueprint
from sagakit.shell.crash_points import Point, reached
from sagakit.shell.database import create_pool
from sagakit.shell.live_audit import LiveAudit
from sagakit.shell.run import ServiceSpec, serve

REFILL_UNITS_MAX: Final = 1_000_000_000
"""Most that one refill adds: a slip of the hand stays far below what a bigint holds."""


BLUEPRINT = Blueprint(
    CHOREOGRAPHY,
    ORCHESTRATION,
    REFERENCE_PREFIX,
    SHAPE,
    InventoryWire,
    InventoryStore,
    metrics.of(SERVICE),
    retried=(metrics.STEP_RETRIES, (metrics.CHOREOGRAPHY, "release", metrics.REFUSED)),
    parked=(metrics.SAGAS_PARKED, (metrics.CHOREOGRAPHY, "release")),
    audit=partial(LiveAudit, PROMISES, metrics.INVARIANTS_BROKEN, metrics.SAGAS_AUDITED),
)


def describe(settings: InventorySettings) -> ServiceSpec:
    """The service as the kit runs it."""
    return BLUEPRINT.service(settings, settings.odds())


def main() -> None:
    """Serve until SIGTERM, or add stock."""
    asked = _read_arguments(sys.argv[1:])
    if asked.verb == "refill":
        sys.stdout.write(asyncio.run(_refill(InventorySettings(), asked)) + "\n")
    else:
        serve(InventorySettings, describe)


def _read_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="inventory")
    verbs = parser.add_subparsers(dest="verb")
    adding = verbs.add_parser("refill", help="add stock; the same name twice adds it once")
    adding.add_argument("ingredient")
    adding.add_argument(
        "units", type=_units, help=f"1..{REFILL_UNITS_MAX}: grams, millilitres, pieces"
    )
    adding.add_argument("--name", required=True, help="names this refill, e.g. a delivery note")
    return parser.parse_args(arguments)


def _units(text: str) -> int:
    units = int(text)
    if not 1 <= units <= REFILL_UNITS_MAX:
        message = f"units is {units}, must be 1..{REFILL_UNITS_MAX}"
        raise argparse.ArgumentTypeError(message)
    return units


async def _refill(settings: InventorySettings, asked: argparse.Namespace) -> str:
    crash_points.arm(settings.crash_at)
    pool = await create_pool(settings.database_url, name=SERVICE, connections_max=2)
    try:
        async with pool.acquire() as connection:
            reached(Point.INTAKE_DECIDED, asked.name)
            added = await refill(connection, asked.ingredient, asked.units, asked.name)
            reached(Point.INTAKE_COMMITTED, asked.name)
    finally:
        await pool.close()
    if added:
        return f"REFILLED {asked.ingredient} units={asked.units} name={asked.name}"
    return f"refill {asked.name!r} of {asked.ingredient} was done before: nothing added"


if __name__ == "__main__":
    main()
