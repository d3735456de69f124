"""The page over real rows: who gets HTML, what stands in it, and what its headers forbid."""

import html
import re
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from integration.order_world import World
from order.api import Doors, create_app
from order.domain import Heard
from order.page import routes, templating
from order.ports import utc_now
from saga.contract import STEPS
from sagakit.core.chance import parse_faults

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
NASTY = '"><script>alert(1)</script>'
EVENTS = ("order-requested", "payment-completed", "inventory-failed", "payment-refunded")


def browser(world: World, token: str | None = None, **doors: Any) -> httpx.AsyncClient:
    parts = Doors(world, world.placing(), world.batches(), world.client(), utc_now, **doors)
    app = create_app(parts, None if token is None else SecretStr(token))
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://api", headers=PAGE)


async def compensated(world: World) -> str:
    """A choreographed order whose payment-completed came three times."""
    async with world.api() as api:
        order = {"mode": "choreo", "customer_id": NASTY}
        saga_id: str = (await api.post("/sagas", json=order)).json()["saga_id"]
    for event in (*EVENTS, EVENTS[1], EVENTS[1]):
        reason = "out of stock" if event in EVENTS[2:] else ""
        await world.hear(Heard(saga_id, event, reason=reason, occurred_at=utc_now()))
    return saga_id


async def test_a_browser_gets_the_page_and_all_others_the_json(world: World) -> None:
    saga_id = await compensated(world)
    async with browser(world) as client:
        for path in ("/", "/sagas", f"/sagas/{saga_id}", "/compare"):
            page = await client.get(path)
            assert page.headers["content-type"] == "text/html; charset=utf-8", path
            assert page.headers["vary"] == "Accept"
            for accept in ("application/json", "*/*"):
                answer = await client.get(path, headers={"Accept": accept})
                assert answer.headers["content-type"] == "application/json", path


async def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(world: World) -> None:
    saga_id = await compensated(world)
    async with browser(world) as client:
        for path in ("/", "/sagas", f"/sagas/{saga_id}", "/compare", "/sagas/nobody"):
            page = await client.get(path)
            policy = page.headers["content-security-policy"]
            assert policy.startswith("default-src 'self';")
            assert "unsafe" not in policy
            found = re.findall(r'(?:src|href|action)="([^"]*)"', page.text)
            assert found
            assert [one for one in found if not one.startswith(("/", "#"))] == []
            assert not re.search(r"<script(?! src=)|<style| style=| on\w+=", page.text), path
            for asset in set(re.findall(r'"(/static/[^"]+)"', page.text)):
                file = await client.get(asset)
                assert file.status_code == 200
                assert "immutable" in file.headers["cache-control"]


async def test_what_people_wrote_is_text(world: World) -> None:
    saga_id = await compensated(world)
    async with browser(world) as client:
        page = await client.get(f"/sagas/{saga_id}")
    assert NASTY not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


async def test_a_sagas_page_has_its_steps_undo_and_duplicates(world: World) -> None:
    saga_id = await compensated(world)
    async with browser(world) as client:
        page = (await client.get(f"/sagas/{saga_id}")).text
    bars = re.findall(r'<g class="bar (\w+)">\s*<title>(\w+) ', page)
    assert bars == [("ok", "payment"), ("refused", "inventory"), ("undo", "refund")]
    assert page.count("<circle") == 2
    assert "payment-completed came 2 more times" in page
    assert page.count('class="arrow"') == 2
    assert "<strong>out of stock</strong>" in page


async def test_what_is_not_there_is_a_page_too(world: World) -> None:
    saga_id = await compensated(world)
    async with browser(world) as client:
        for path, status in (
            ("/sagas/nobody", 404),
            (f"/compare?orch={saga_id}", 404),
            ("/sagas?cursor=mine", 422),
            ("/sagas?step=lunch", 422),
        ):
            page = await client.get(path)
            assert page.status_code == status, path
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert "This cannot be shown" in page.text
        assert (await client.get("/static/../api.py")).status_code == 404


async def test_an_ended_saga_is_told_once_and_for_all(world: World) -> None:
    saga_id = await compensated(world)
    async with browser(world) as client:
        stream = await client.get(f"/sagas/{saga_id}/live")
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert (await client.get("/sagas/nobody/live")).status_code == 404
    first, last, rest = stream.text.split("\n\n")
    assert first.startswith("retry: ")
    assert last.startswith("event: last\n")
    assert all(line.startswith("data: ") for line in last.split("\n")[1:])
    assert "compensated" in last
    assert rest == ""


async def test_the_overview_counts_by_step_and_names_who_is_stuck(world: World) -> None:
    await compensated(world)
    async with world.api() as api:
        for mode in ("choreo", "orch", "orch"):
            await api.post("/sagas", json={"mode": mode})
        told = (await api.get("/")).json()
    choreography, orchestration = told["modes"]
    assert [step["step"] for step in choreography["steps"]] == [word.name for word in STEPS]
    assert (choreography["open"], orchestration["open"]) == (1, 2)
    assert orchestration["steps"][0]["moving"] == 2
    ends = {end["outcome"]: end["count"] for end in choreography["ends"]}
    assert ends == {"completed": 0, "rejected": 0, "compensated": 1}
    assert told["stuck"] == []
    assert len(told["recent"]) == 4
    async with browser(world, stuck_after_seconds=1e-6) as client:
        told = (await client.get("/", headers={"Accept": "application/json"})).json()
        assert len(told["stuck"]) == 3
        assert told["modes"][1]["steps"][0] | {"silent_seconds": 0} == {
            "step": "payment",
            "owed_by": "payment",
            "moving": 0,
            "stuck": 2,
            "parked": 0,
            "silent_seconds": 0,
        }
        assert "Stuck or parked" in (await client.get("/")).text
        page = (await client.get("/sagas?stuck=true&mode=orch&step=payment")).text
        assert page.count("orchestrator owes payment") == 2


async def test_a_filter_that_is_left_empty_does_not_matter(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await compensated(world)
    async with world.api() as api:
        await api.post("/sagas", json={"mode": "orch"})
    monkeypatch.setattr(routes, "LIST_ROWS", 1)
    async with browser(world) as client:
        first = (await client.get("/sagas?mode=&status=&step=&stuck=")).text
        (older,) = re.findall(r'rel="next" href="([^"]*)"', first)
        second = (await client.get(html.unescape(older))).text
    assert "orchestrator owes payment" in first
    assert "compensated" in second
    assert 'rel="next"' not in second


async def test_the_page_offers_only_what_is_allowed(world: World) -> None:
    async with browser(world, token="of-the-house", faults_enabled=False) as client:
        page = (await client.get("/")).text
    assert 'name="token"' in page
    assert "with a fault" not in page
    async with browser(world) as client:
        page = (await client.get("/")).text
    assert 'name="token"' not in page
    assert page.count('name="faults"') == 1 + len(templating.FAULTS)


@pytest.mark.parametrize("button", templating.FAULTS, ids=lambda button: button.label)
def test_a_fault_button_names_steps_that_there_are(button: templating.Button) -> None:
    faults = parse_faults(button.faults)
    assert faults.percents, "it makes nothing fail"
    assert set(faults.percents) <= {word.name for word in STEPS}
