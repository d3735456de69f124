"""The web page as a person uses it: a real Chromium over real services."""

from pathlib import Path

from brewsaga.stack import Stack
from e2e.browser import Tab
from e2e.page_story import (
    ALL_UNDONE,
    LANES,
    NO_COURIER,
    SLOWLY,
    STUCK_AFTER_SECONDS,
    WIDTHS,
    addresses,
    home,
    orders_of_every_kind,
    tab_or_skip,
)
from e2e.world import World, world

NASTY = "<img src=x onerror=alert(1)>"
NAMED_SECONDS = STUCK_AFTER_SECONDS + 5.0
"""A stuck saga and who owes it are on the page so soon after it was placed."""


async def test_a_person_places_orders_and_sees_them_through(stack: Stack, tmp_path: Path) -> None:
    extra = {"STUCK_AFTER_SECONDS": str(STUCK_AFTER_SECONDS)}
    async with tab_or_skip() as tab, world(stack, tmp_path, **extra) as here:
        await tab.look(width=1280, dark=False)
        await sees_a_waterfall_grow(tab, here)
        await opens_the_comparison(tab, here)
        await fits_every_screen(tab, here)
        await is_told_who_owes_what_is_stuck(tab, here)
        assert tab.complaints == [
            one for one in tab.complaints if "404" in one and "no-such-saga" in one
        ], "the console is quiet, but for the page that is not there"


async def sees_a_waterfall_grow(tab: Tab, here: World) -> None:
    """Only the keyboard is used here."""
    await tab.open(home(here) + "/")
    await tab.press("Tab")
    assert await tab.evaluate("document.activeElement.className") == "skip"
    await tab.until("document.querySelector('#liveness').textContent === 'live'")
    await tab.evaluate(f'document.querySelector("{SLOWLY}").focus()')
    await tab.press("Enter")
    await tab.until("location.pathname.startsWith('/sagas/')")
    await tab.until("document.querySelector('.waterfall')")
    await tab.evaluate("document.notReloaded = true")
    before = await tab.until(f"{LANES}.at(-1).endsWith(' waiting') && {LANES}.length")
    assert "owes the next step" in await tab.evaluate("document.body.innerText")
    await tab.until(f"{LANES}.length > {before} && {LANES}.at(-1).endsWith(' waiting')")
    await tab.until("document.querySelector('.chip').textContent.includes('compensated')")
    assert await tab.evaluate(LANES) == ALL_UNDONE
    assert await tab.evaluate("document.notReloaded"), "it grew without being loaded again"
    assert await tab.evaluate("document.querySelectorAll('.plot .arrow').length") == 4
    assert await tab.evaluate("document.querySelectorAll('.events tbody tr').length") == 6
    assert "compensated" in await tab.evaluate("document.querySelector('#liveness').textContent")


async def opens_the_comparison(tab: Tab, here: World) -> None:
    await tab.click("nav a[href='/compare']")
    await tab.until("location.pathname === '/compare' && document.querySelector('form')")
    await tab.click(NO_COURIER)
    await tab.until("location.search.includes('orch=')")
    await tab.until(
        "[...document.querySelectorAll('.side .chip')]"
        ".filter(chip => chip.textContent.includes('compensated')).length === 2"
    )
    assert await tab.evaluate(LANES) == ALL_UNDONE * 2
    saga_id = await tab.evaluate("new URLSearchParams(location.search).get('choreo')")
    await tab.click(f"a[href='/sagas/{saga_id}']")
    await tab.until(f"location.pathname.endsWith('{saga_id}') && {LANES}.length === 5")


async def fits_every_screen(tab: Tab, here: World) -> None:
    placed = await orders_of_every_kind(here)
    await here.place([{"mode": "choreo", "customer_id": NASTY}])
    for path in addresses(placed).values():
        await tab.open(home(here) + path)
        for width in WIDTHS:
            await tab.look(width=width, dark=width == min(WIDTHS))
            wide = await tab.evaluate("document.scrollingElement.scrollWidth")
            assert wide <= width, f"{path} is {wide} wide on a screen of {width}"
    (nasty,) = await here.rows("order", "SELECT saga_id FROM orders WHERE customer_id = $1", NASTY)
    await tab.open(f"{home(here)}/sagas/{nasty['saga_id']}")
    assert NASTY in await tab.evaluate("document.body.innerText")
    assert await tab.evaluate("document.querySelectorAll('main img').length") == 0


async def is_told_who_owes_what_is_stuck(tab: Tab, here: World) -> None:
    here.kill(["shipment"])
    await tab.look(width=1280, dark=True)
    await tab.open(home(here) + "/")
    stuck = await here.place([{"mode": "choreo"}, {"mode": "orch"}])
    for saga_id in stuck:
        row = f"document.querySelector('#stuck a[href=\"/sagas/{saga_id}\"]')?.closest('tr')"
        await tab.until(f"{row}?.textContent.includes('shipment owes shipment')", NAMED_SECONDS)
    for mode in ("choreography", "orchestration"):
        cell = f"a[href='/sagas?mode={mode}&status=RUNNING&step=shipment&stuck=true']"
        await tab.click(f"#{mode} {cell}")
        await tab.until("location.pathname === '/sagas' && document.querySelector('.sagas')")
        assert await tab.evaluate("document.querySelectorAll('.sagas tbody tr').length") == 1
        await tab.open(home(here) + "/")
    await tab.open(f"{home(here)}/sagas/{stuck[1]}")
    await tab.click("#cancel")
    await tab.until("document.body.innerText.includes('its cancel is asked for')")
    assert tab.confirms == 1
    await here.start(["shipment"])
    await tab.until("document.querySelector('.chip').textContent.includes('completed')", 60)
