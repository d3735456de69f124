"""axe-core finds nothing serious on any page, in both themes and at every width."""

import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from brewsaga.stack import Stack
from e2e.browser import Tab
from e2e.page_story import WIDTHS, addresses, home, orders_of_every_kind, tab_or_skip
from e2e.world import World, world

pytestmark = pytest.mark.long

AXE: Final = "axe-core@4.14.1"
MISSING: Final = "no npm, which fetches axe-core: apt-get install npm"
SERIOUS: Final = {"serious", "critical"}
INSTALL_SECONDS: Final = 120


def axe(folder: Path) -> str:
    """The text of axe-core, from npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(MISSING)
    command = [npm, "install", "--no-save", "--no-audit", "--no-fund", "--prefix", folder, AXE]
    subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


async def judge(tab: Tab, script: str, where: str) -> list[str]:
    await tab.evaluate(script + "; null")
    found: list[dict[str, Any]] = await tab.evaluate(
        "axe.run().then(r => r.violations.map(v => "
        "({id: v.id, impact: v.impact, nodes: v.nodes.map(n => n.html + ' ' + n.failureSummary)})))"
    )
    return [f"{where}: {one['impact']} {one['id']} {one['nodes'][:3]}" for one in found]


async def test_axe_finds_nothing_serious(stack: Stack, tmp_path: Path) -> None:
    script = axe(tmp_path / "npm")
    async with tab_or_skip() as tab, world(stack, tmp_path, STUCK_AFTER_SECONDS="1") as here:
        placed = await orders_of_every_kind(here)
        here.kill(["shipment"])  # so that something is awaited, and stuck
        (waiting,) = await here.place([{"mode": "choreo"}])
        pages = addresses(placed) | {"waiting": f"/sagas/{waiting}"}
        await tab.open(home(here) + "/")
        await tab.until("document.querySelector('#stuck')")
        found = await judge_all(tab, here, script, pages)
        print("\n".join(found) or f"nothing on {len(pages)} pages, {len(WIDTHS)} widths, 2 themes")
        assert [one for one in found if SERIOUS & set(one.split())] == []


async def judge_all(tab: Tab, here: World, script: str, pages: dict[str, str]) -> list[str]:
    found: list[str] = []
    for name, path in pages.items():
        for width, screen in WIDTHS.items():
            for dark in (False, True):
                await tab.look(width=width, dark=dark)
                await tab.open(home(here) + path)
                found += await judge(tab, script, f"{name} {screen} {'dark' if dark else 'light'}")
    return found
