"""What another site's page must not do: change something with the browser of who looks at it.

A browser says with each request whose page asks (`Sec-Fetch-Site`, W3C Fetch Metadata); a program
says nothing, and is let pass. It must not know what is changed.
"""

from collections.abc import Collection
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from sagakit.shell.api_token import changes
from sagakit.shell.problems import problem

OWN: Final = frozenset({b"same-origin", b"none"})
"""The page's own requests, and what a person typed."""


class SiteGate:
    """Answers 403 to a request that changes something and that another site's page makes."""

    def __init__(self, app: ASGIApp, reads: Collection[str] = ()) -> None:
        self._app = app
        self._reads = frozenset(reads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let pass what reads, and what no other site's page asks for."""
        if scope["type"] == "http" and changes(scope["method"], scope["path"], self._reads):
            asked = [value for name, value in scope["headers"] if name == b"sec-fetch-site"]
            if not OWN.issuperset(asked):
                detail = "a page of another site asked for this: open this service's own page"
                refusal = problem(403, "Another site asked for it", detail)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
