"""kubectl as a person uses it, for tests on a real API server."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

WAIT_SECONDS = 60.0


async def kubectl(*arguments: str, given: str = "", fails: bool = False) -> str:
    """Run it; what it says, and its error where it is to fail."""
    process = await asyncio.create_subprocess_exec(
        "kubectl",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate(given.encode())
    said, complaint = out.decode(), errors.decode()
    assert (process.returncode != 0) is fails, f"kubectl {' '.join(arguments)}: {said}{complaint}"
    return complaint if fails else said


class Place:
    """One namespace."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    async def kubectl(self, *arguments: str, given: str = "", fails: bool = False) -> str:
        return await kubectl("-n", self.namespace, *arguments, given=given, fails=fails)

    async def make(self, kind: str, name: str, spec: dict[str, Any], *, fails: bool = False) -> str:
        """Apply one of our resources."""
        body = {"apiVersion": "brewsaga.dev/v1alpha1", "kind": kind, "metadata": {"name": name}}
        return await self.kubectl(
            "apply", "-f", "-", given=json.dumps({**body, "spec": spec}), fails=fails
        )

    async def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self.kubectl("get", kind, name, "-o", "json"))
        return found

    async def status(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.get(kind, name)).get("status") or {}
        return found

    async def until(
        self,
        kind: str,
        name: str,
        holds: Callable[[dict[str, Any]], bool],
        seconds: float = WAIT_SECONDS,
    ) -> dict[str, Any]:
        """Wait until the status is so."""
        deadline = time.monotonic() + seconds
        while True:
            status = await self.status(kind, name)
            if holds(status):
                return status
            assert time.monotonic() < deadline, f"{kind} {name} is still {status}"
            await asyncio.sleep(0.2)


def finished(status: dict[str, Any]) -> bool:
    """Whether it has come to an end."""
    ends = {"Finished", "Complete"}
    return any(
        one["type"] in ends and one["status"] == "True" for one in status.get("conditions", [])
    )


def condition(status: dict[str, Any], kind: str) -> tuple[str, str]:
    """A condition's status and reason."""
    (one,) = [each for each in status["conditions"] if each["type"] == kind]
    return one["status"], one["reason"]
