"""The addresses of the page: the API's own, where a browser asks for them, and what is live.

A browser says that it wants text/html, everyone else is answered JSON by the API. It must not know
SQL, and changes nothing: what the buttons do, they ask of the API.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Annotated, Any, Final, Protocol
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.routing import Match
from starlette.types import Scope

from order import store_reads
from order.answers import Status
from order.bodies import AnyMode
from order.live import Live, Look, Sight, TooManyWatchers
from order.looking import Looking
from order.page import templating
from order.page.drawing import differing, draw, draw_both
from order.placing import Unacceptable
from saga.contract import STEPS
from sagakit.shell.paging import Cursor, read_cursor
from sagakit.shell.problems import problem

LIST_ROWS: Final = 50
COME_BACK_MS: Final = 2_000
"""When a browser asks again for what is live, after its connection broke."""

_STATES: Final = {word.name: word.current_step for word in STEPS}


class Behind(Protocol):
    """What stands behind the page, asked for when a page is: to be described an app needs none."""

    @property
    def looking(self) -> Looking: ...
    @property
    def live(self) -> Live: ...
    @property
    def faults_enabled(self) -> bool: ...


def asks_for_page(scope: Scope) -> bool:
    """Whether whoever asks wants to look at it."""
    accept = [value for name, value in scope["headers"] if name == b"accept"]
    return any(b"text/html" in value for value in accept)


class PageRoute(APIRoute):
    """A route that is there for browsers only; its errors are pages too."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leave to the API what no browser asks."""
        if scope["type"] != "http" or not asks_for_page(scope):
            return Match.NONE, {}
        return super().matches(scope)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Answer what is refused with a page that says why."""
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            _forget_blanks(request.scope)
            try:
                return await handler(request)
            except HTTPException as error:
                return _refused(error.status_code, str(error.detail))
            except RequestValidationError as error:
                found = error.errors()
                wrong = (f"{one['loc'][-1]}: {one['msg']}" for one in found)
                return _refused(422, "; ".join(wrong))
            except Unacceptable as error:
                return _refused(422, error.detail)

        return answer


def _forget_blanks(scope: Scope) -> None:
    """A form sends what was left empty too, and means that it does not matter."""
    given = parse_qsl(scope["query_string"].decode("latin-1"))
    scope["query_string"] = urlencode(given).encode()


def _refused(status: int, detail: str) -> Response:
    return templating.page("error.html", status, detail=detail)


def install(app: FastAPI, behind: Behind, *, needs_token: bool) -> None:
    """Add the page to the API: before its routes, whose addresses it shares."""
    app.include_router(_pages(behind, needs_token=needs_token))
    app.include_router(_streams(behind))


def _pages(behind: Behind, *, needs_token: bool) -> APIRouter:
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    def offered() -> dict[str, bool]:
        return {"faults_enabled": behind.faults_enabled, "needs_token": needs_token}

    @router.get("/")
    async def overview() -> Response:
        now = await behind.looking.overview()
        return templating.page("overview.html", overview=now, **offered())

    @router.get("/sagas")
    async def sagas(
        mode: AnyMode | None = None,
        status: Status | None = None,
        step: Annotated[str | None, Query(pattern=f"^({'|'.join(_STATES)})$")] = None,
        stuck: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query parameter
        cursor: Cursor = None,
    ) -> Response:
        silent_seconds = behind.looking.stuck_after_seconds if stuck else None
        query = store_reads.Query(
            mode.value if mode else None,
            status,
            silent_seconds,
            None,
            read_cursor(cursor),
            _STATES[step] if step else None,
        )
        found = await behind.looking.page(query, LIST_ROWS)
        asked = {
            "mode": mode.long if mode else "",
            "status": status or "",
            "step": step or "",
            "stuck": "true" if stuck else "",
        }
        return templating.page("sagas.html", found=found, asked=asked, steps=list(_STATES))

    @router.get("/sagas/{saga_id}")
    async def saga(saga_id: str) -> Response:
        drawn = draw(await behind.looking.told(saga_id), behind.looking.clock())
        return templating.page("saga.html", drawn=drawn, **offered())

    @router.get("/compare")
    async def compare(choreo: str | None = None, orch: str | None = None) -> Response:
        sides = draw_both(await behind.looking.comparison(choreo, orch), behind.looking.clock())
        return templating.page("compare.html", sides=sides, differ=differing(sides), **offered())

    return router


def _streams(behind: Behind) -> APIRouter:
    """What a page that is open goes on to show, and the files that it needs."""
    router = APIRouter(include_in_schema=False)

    async def see_overview() -> Sight:
        return Sight(templating.render("_overview.html", overview=await behind.looking.overview()))

    @router.get("/live")
    async def live_overview() -> Response:
        return _stream(behind.live, "overview", see_overview)

    @router.get("/sagas/{saga_id}/live")
    async def live_saga(saga_id: str) -> Response:
        await behind.looking.row(saga_id)

        async def see() -> Sight:
            drawn = draw(await behind.looking.told(saga_id), behind.looking.clock())
            is_last = drawn.told.saga.status != "RUNNING"
            return Sight(templating.render("_saga.html", drawn=drawn), is_last)

        return _stream(behind.live, f"saga {saga_id}", see)

    @router.get("/compare/live")
    async def live_comparison(choreo: str, orch: str) -> Response:
        await behind.looking.comparison(choreo, orch)

        async def see() -> Sight:
            sides = draw_both(await behind.looking.comparison(choreo, orch), behind.looking.clock())
            is_last = all(side.told.saga.status != "RUNNING" for side in sides)
            context = {"sides": sides, "differ": differing(sides)}
            return Sight(templating.render("_compare.html", **context), is_last)

        return _stream(behind.live, f"both {choreo} {orch}", see)

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        found = templating.static(name)
        if found is None:
            detail = f"there is no {name[:80]!r}; there are {', '.join(templating.STATIC)}"
            raise HTTPException(404, detail)
        return found

    return router


def _stream(live: Live, name: str, look: Look) -> Response:
    try:
        sights = live.watch(name, look)
    except TooManyWatchers as error:
        return problem(503, "Too many watch", str(error), headers={"Retry-After": "60"})
    headers = {
        **templating.SECURITY_HEADERS,
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    return StreamingResponse(_events(sights), media_type="text/event-stream", headers=headers)


async def _events(sights: AsyncGenerator[Sight | None]) -> AsyncIterator[str]:
    yield f"retry: {COME_BACK_MS}\n\n"
    async with aclosing(sights):
        async for sight in sights:
            yield ": still here\n\n" if sight is None else _event(sight)


def _event(sight: Sight) -> str:
    """A sight as the browser's EventSource reads it; `last` closes it."""
    lines = "".join(f"data: {line}\n" for line in sight.text.splitlines() or [""])
    return f"event: {'last' if sight.is_last else 'sight'}\n{lines}\n"
