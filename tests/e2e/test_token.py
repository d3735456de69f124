"""The token and the bound of a body over real HTTP, with the command line at the other end."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from brewsaga.stack import Stack
from e2e.world import World, world

SECRET = "of-the-house-4711"
ROOT = Path(__file__).resolve().parents[2]


def place(here: World, **environment: str) -> subprocess.CompletedProcess[str]:
    """`brewsaga place` in a process of its own."""
    command = [sys.executable, "-m", "brewsaga", "place", "--mode", "both"]
    given = {**os.environ, "PYTHONPATH": str(ROOT / "services"), **environment}
    given["ORDER_URL"] = here.places["order"].url
    return subprocess.run(
        command, env=given, capture_output=True, text=True, check=False, timeout=60
    )


def logs(folder: Path) -> list[str]:
    return [log.read_text() for log in folder.glob("*.log")]


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(100):
        yield b" " * 1_000


async def test_a_change_needs_the_token_and_a_question_does_not(
    stack: Stack, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text(SECRET + "\n")
    services = ("order", "orchestrator")
    async with world(stack, tmp_path, services=services, API_TOKEN_FILE=str(path)) as here:
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            order, orchestrator = (here.places[service].url for service in services)
            refused = await client.post(f"{order}/sagas", json={"mode": "choreo"})
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            assert (await client.get(f"{order}/sagas")).json()["sagas"] == []
            asked = await client.post(f"{orchestrator}/sagas/query", json={"ids": ["a"]})
            assert asked.status_code == 200
            carried = {"Authorization": f"Bearer {SECRET}"}
            large = await client.post(f"{order}/sagas", content=chunks(), headers=carried)
            assert large.status_code == 413
            assert large.headers["content-type"] == "application/problem+json"

        without = await asyncio.to_thread(place, here, API_TOKEN_FILE="")
        assert without.returncode == 1
        assert "--token-file" in without.stderr
        placed = await asyncio.to_thread(place, here, API_TOKEN_FILE=str(path))
        assert placed.returncode == 0, placed.stderr
        assert placed.stdout.count("PLACED") == 2
        said = [without.stdout, without.stderr, placed.stdout, placed.stderr]
        said += logs(tmp_path)
        assert len(said) == 4 + len(services)
        assert not [text for text in said if SECRET in text]
