"""Turns data into HTML: the templates, the words they use, and the headers that every page has.

What people wrote is escaped by the engine, everywhere; a name that a template misspells is an
error. It must not know the database or the routes.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import jinja2
from starlette.responses import HTMLResponse, Response

from order.domain import PRICE_CENTS
from order.page.waterfall import BAR_PIXELS, LANE_PIXELS, duration

_HERE: Final = Path(__file__).parent
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_STATIC_SECONDS: Final = 31_536_000
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Button(NamedTuple):
    """One way to place an order. `faults` is the text that travels with it."""

    sign: str
    label: str
    faults: str
    hint: str


PLACE: Final = Button("✔", "Place it", "", "and nothing goes wrong")
FAULTS: Final = (
    Button("✖", "Card declined", "payment=100", "payment refuses: nothing to undo"),
    Button("✖", "Out of stock", "inventory=100", "inventory refuses: a refund"),
    Button("✖", "No courier", "shipment=100", "shipment refuses: a release, then a refund"),
    Button("↩", "No courier, refund fails", "shipment=100;refund=70", "refund is tried again"),
    Button("…", "No courier, slowly", "delay:1s;shipment=100", "a second a step, to watch"),
)


def _static() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((_HERE / "static").iterdir())}


STATIC: Final = _static()
_VERSION: Final = hashlib.sha256(b"".join(STATIC.values())).hexdigest()[:12]


def _asset(name: str) -> str:
    """The address of a static file; it changes with what is in it."""
    return f"/static/{name}?v={_VERSION}"


def _money(cents: int, currency: str) -> str:
    return f"{cents / 100:,.2f} {currency}"


def _clock(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _environment() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    found.globals |= {
        "asset": _asset,
        "place_button": PLACE,
        "fault_buttons": FAULTS,
        "drinks": PRICE_CENTS,
        "lane_pixels": LANE_PIXELS,
        "bar_pixels": BAR_PIXELS,
    }
    found.filters |= {"duration": duration, "money": _money, "clock": _clock}
    return found


_ENVIRONMENT: Final = _environment()


def render(template: str, **context: Any) -> str:
    """One template as text."""
    return _ENVIRONMENT.get_template(template).render(context)


def page(template: str, status: int = 200, **context: Any) -> Response:
    """A whole page."""
    headers = {**SECURITY_HEADERS, "Cache-Control": "no-store", "Vary": "Accept"}
    return HTMLResponse(render(template, **context), status, headers)


def static(name: str) -> Response | None:
    """One static file; None where there is none of that name."""
    if name not in STATIC:
        return None
    headers = {**SECURITY_HEADERS, "Cache-Control": f"public, max-age={_STATIC_SECONDS}, immutable"}
    return Response(STATIC[name], headers=headers, media_type=_TYPES[Path(name).suffix])
