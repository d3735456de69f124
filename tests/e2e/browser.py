"""A headless Chromium, driven by its DevTools protocol: what a person sees, clicks and types.

Debian's package is enough. It must not know what is on the page.
"""

import asyncio
import base64
import itertools
import json
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection, connect

from brewsaga.processes import Child, stop

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING: Final = "no Chromium: apt-get install chromium, or set CHROMIUM to one"
START_SECONDS: Final = 30.0
WAIT_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.05
MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024
KEYS: Final = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowRight": 39, "ArrowDown": 40}


def chromium() -> str | None:
    """Where a Chromium is: CHROMIUM, else the first on PATH; None where there is none."""
    chosen = os.environ.get("CHROMIUM")
    return chosen or next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """One tab. Whatever the page says on its console, and what it could not load, is kept."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())
        self.complaints: list[str] = []
        self.confirms = 0

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            future = self._asked.pop(message.get("id", 0), None)
            if future is not None and not future.done():
                future.set_result(message)
            await self._hear(message.get("method", ""), message.get("params", {}))

    async def _hear(self, event: str, params: dict[str, Any]) -> None:
        if event == "Page.javascriptDialogOpening":
            self.confirms += 1
            await self._send("Page.handleJavaScriptDialog", {"accept": True})
        elif event == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            entry = params["entry"]
            self.complaints.append(f"{entry['text']} {entry.get('url', '')}")
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))

    async def _send(self, method: str, params: dict[str, Any]) -> int:
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        return number

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol. Raises AssertionError where it is refused."""
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        number = await self._send(method, params)
        self._asked[number] = future
        answer = await asyncio.wait_for(future, ANSWER_SECONDS)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    async def evaluate(self, script: str) -> Any:
        """What an expression is on the page; a promise is waited for."""
        result = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    async def open(self, url: str) -> None:
        """Go there, and wait until it is all there."""
        await self.call("Page.navigate", url=url)
        await self.until(f"location.href === {json.dumps(url)} && document.readyState=='complete'")

    async def until(self, condition: str, seconds: float = WAIT_SECONDS) -> Any:
        """Wait until an expression is true on the page that is open then."""
        deadline = time.monotonic() + seconds
        while True:
            answer = await self.call(
                "Runtime.evaluate", expression=condition, awaitPromise=True, returnByValue=True
            )
            value = answer["result"].get("value")
            if value not in (None, False, 0, ""):  # an element comes as an empty object
                return value
            if time.monotonic() > deadline:
                text = await self.evaluate("location.href + '\\n' + document.body.innerText")
                message = f"after {seconds:.0f} s still not: {condition}\n{text[:3000]}"
                raise AssertionError(message)
            await asyncio.sleep(POLL_SECONDS)

    async def click(self, selector: str) -> None:
        """Press the mouse in the middle of an element, as a hand would."""
        found = await self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " if (!e) return null; e.scrollIntoView({block: 'center', behavior: 'instant'});"
            " const r = e.getBoundingClientRect();"
            " return [r.left + r.width / 2, r.top + r.height / 2]; })()"
        )
        assert found, f"nothing on the page is {selector}"
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=found[0],
                y=found[1],
                button="left",
                clickCount=1,
            )

    async def press(self, key: str) -> None:
        """Press one key."""
        code = KEYS[key]
        typed = {"Enter": {"text": "\r"}, " ": {"text": " "}}.get(key, {})
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                **(typed if kind == "keyDown" else {}),
            )

    async def look(self, *, width: int, dark: bool, height: int = 900) -> None:
        """Be a screen so wide, in one of the two themes; narrow ones are touched."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme, still])

    async def picture(self, path: Path) -> None:
        """The whole page as it is now."""
        size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = await self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip
        )
        await asyncio.to_thread(_write, path, base64.b64decode(shot["data"]))

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._socket.close()


@asynccontextmanager
async def browser(program: str, options: Sequence[str] = ()) -> AsyncIterator[Tab]:
    """One Chromium with one tab and a profile of its own; both are gone afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        child = _start(program, Path(folder), options)
        try:
            port = await _port(child, Path(folder) / "DevToolsActivePort")
            async with httpx.AsyncClient(trust_env=False) as client:
                pages = (await client.get(f"http://127.0.0.1:{port}/json/list")).json()
            url = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
            socket = await connect(url, max_size=MESSAGE_BYTES_MAX, proxy=None)
            tab = Tab(socket)
            try:
                for domain in ("Page", "Runtime", "Log"):
                    await tab.call(f"{domain}.enable")
                yield tab
            finally:
                await tab.close()
        finally:
            await stop([child])


def _start(program: str, folder: Path, options: Sequence[str]) -> Child:
    command = [
        program,
        "--headless=new",
        "--no-sandbox",  # the tests may run as root, and open nothing but what they serve
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-proxy-server",
        "--hide-scrollbars",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        *options,
        "about:blank",
    ]
    given = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return Child.start("chromium", command, given, folder / "chromium.log")


async def _port(child: Child, told: Path) -> int:
    """Chromium writes down where it listens."""
    deadline = time.monotonic() + START_SECONDS
    while not (found := await asyncio.to_thread(_read, told)):
        assert child.ended() is None, f"Chromium ended:\n{child.log_tail()}"
        assert time.monotonic() < deadline, f"Chromium does not listen:\n{child.log_tail()}"
        await asyncio.sleep(POLL_SECONDS)
    return int(found[0])


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _read(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []
