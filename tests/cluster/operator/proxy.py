"""Between the operator and the API server: notes what is asked, and answers some of it badly.

Plain HTTP on loopback in, TLS with the tester's certificate out. A watch is passed on as it comes.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import httpx
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

WATCH_SECONDS = 300.0
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
PATH = re.compile(
    r"/api(?:s/(?P<group>[^/]+))?/[^/]+(?:/namespaces/(?P<namespace>[^/]+))?"
    r"(?:/(?P<resource>[a-z]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>[a-z]+))?)?)?"
)


@dataclass
class Proxy:
    """What was asked, and what is answered badly: `spoil` gives a status, or None to pass on."""

    url: str = ""
    asked: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    spoil: Callable[[str, str], int | None] = lambda _method, _path: None
    spoilt: Counter[int] = field(default_factory=Counter)
    delay_seconds: float = 0.0
    """Before a request is passed on."""
    answer_delay_seconds: float = 0.0
    """After a write is done, before its answer: what watches it sees it first."""

    def kubeconfig(self, folder: Path) -> str:
        """A kubeconfig that leads here."""
        path = folder / "kubeconfig-through-proxy"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
            "clusters": [{"name": "proxy", "cluster": {"server": self.url}}],
            "users": [{"name": "nobody", "user": {"token": "not-looked-at"}}],
        }
        path.write_text(yaml.dump(config))
        return str(path)


def verb_of(method: str, path: str, query: str) -> tuple[str, str, str] | None:
    """(group, resource, verb) as RBAC has them; None for what is about no resource."""
    found = PATH.fullmatch(path)
    if found is None:
        return None
    group, resource, name = found["group"] or "", found["resource"], found["name"]
    if resource is None and found["namespace"] is not None:
        resource, name = "namespaces", found["namespace"]
    if resource is None:
        return None
    if found["sub"]:
        resource = f"{resource}/{found['sub']}"
    reading = "get" if name else ("watch" if "watch=" in query else "list")
    return group, resource, VERBS.get(method, reading)


@asynccontextmanager
async def proxy(kubeconfig: str, user: str = "") -> AsyncIterator[Proxy]:
    """A proxy to the server of `kubeconfig`; as `user`, where one is named (impersonation)."""
    server, context = _server(kubeconfig)
    made = Proxy()
    headers = {"Impersonate-User": user} if user else {}
    async with httpx.AsyncClient(
        base_url=server, verify=context, headers=headers, timeout=WATCH_SECONDS, trust_env=False
    ) as http:
        listening = socket.create_server(("127.0.0.1", 0))
        made.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        route = Route("/{path:path}", _passing(made, http), methods=METHODS)
        app = Starlette(routes=[route])
        serving = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
        )
        # Signals are pytest's.
        serving.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        task = asyncio.create_task(serving.serve(sockets=[listening]))
        try:
            yield made
        finally:
            serving.should_exit = True
            await task


def _passing(made: Proxy, http: httpx.AsyncClient) -> Callable[[Request], Any]:
    async def passing(request: Request) -> Response:
        path, query = request.url.path, request.url.query
        verb = verb_of(request.method, path, query)
        if verb is not None:
            made.asked[verb] += 1
        bad = made.spoil(request.method, path)
        if bad is not None:
            made.spoilt[bad] += 1
            said = {"kind": "Status", "status": "Failure", "message": "spoilt", "code": bad}
            return JSONResponse(said, bad)
        await asyncio.sleep(made.delay_seconds)
        kept = {
            name: value
            for name, value in request.headers.items()
            if name in {"content-type", "accept"}
        }
        target = path + (f"?{query}" if query else "")
        outgoing = http.build_request(
            request.method, target, content=await request.body(), headers=kept
        )
        answer = await http.send(outgoing, stream=True)
        if request.method != "GET":
            await asyncio.sleep(made.answer_delay_seconds)
        form = answer.headers.get("content-type", "application/json")
        return StreamingResponse(_body(answer), status_code=answer.status_code, media_type=form)

    return passing


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_bytes():
            yield chunk
    finally:
        await answer.aclose()


def _server(kubeconfig: str) -> tuple[str, ssl.SSLContext]:
    """Where the server is, and who the tester is there, by a certificate in the kubeconfig."""
    config = yaml.safe_load(Path(kubeconfig).read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=_data(cluster, "certificate-authority-data"))
    with NamedTemporaryFile("w") as file:
        for name in ("client-certificate-data", "client-key-data"):
            file.write(_data(user, name) + "\n")
        file.flush()
        context.load_cert_chain(file.name)
    return cluster["server"], context


def _data(where: dict[str, Any], name: str) -> str:
    return b64decode(where[name]).decode()
