"""What `-o json` prints is what its schema says, over real services and orders of both modes."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from brewsaga import targets
from brewsaga.forms import FORMS
from brewsaga.stack import Stack
from e2e.world import World, world
from saga.contract import Mode

FAULTS = ("", "shipment=100", "payment=100")


async def printed(here: World, folder: Path, *command: str) -> str:
    """What one command prints, run as people run it."""
    urls = {f"{name.upper()}_URL": here.places[name].url for name in ("order", "orchestrator")}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "brewsaga", *command),
        env={**os.environ, **urls, "BREWSAGA_DATA": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    assert child.returncode == 0, err.decode()
    return out.decode()


async def formed(here: World, folder: Path, *command: str) -> Any:
    """What it prints as JSON, held against its form: nothing more, nothing less."""
    told = json.loads(await printed(here, folder, *command, "-o", "json"))
    form = FORMS[command[0]]
    again = form.dump_python(form.validate_python(told), mode="json", exclude_unset=True)
    assert again == told, command
    return told


async def test_what_is_printed_has_the_form_that_was_promised(stack: Stack, tmp_path: Path) -> None:
    async with world(stack, tmp_path) as here:
        ports = {name: place.metrics_port for name, place in here.places.items()}
        targets.write(tmp_path, "world", ports)
        orders = [
            {"mode": mode.value, "customer_id": "formed", "faults": faults}
            for mode in Mode
            for faults in FAULTS
        ]
        saga_ids = await here.place(orders)
        await here.ends("both", saga_ids, by_order=True)

        listed = await formed(here, tmp_path, "list", "--since", "1h")
        assert {saga["saga_id"] for saga in listed} == set(saga_ids)
        for saga_id in (saga_ids[1], saga_ids[-1]):
            assert (await formed(here, tmp_path, "show", saga_id))["saga_id"] == saga_id
            assert len((await formed(here, tmp_path, "timeline", saga_id))["events"]) > 1
        now = await formed(here, tmp_path, "top")
        assert [mode["open"] for mode in now["modes"]] == [0, 0]
        assert sum(end["count"] for mode in now["modes"] for end in mode["ends"]) == len(saga_ids)
        assert "silent for" in await printed(here, tmp_path, "top", "--once")
        counted = await formed(here, tmp_path, "metrics", "sagas_finished_total")
        assert sum(row["value"] for row in counted) == len(saga_ids)
        assert await formed(here, tmp_path, "list", "--stuck") == []
        wide = await printed(here, tmp_path, "list", "-o", "wide")
        assert "CUSTOMER" in wide.splitlines()[0]
        assert wide.count("formed") == len(saga_ids)
