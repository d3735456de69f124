"""The Kubernetes API as the operator uses it: a few verbs over HTTP, and errors by what to do next.

kopf watches; everything that is written goes through here. A status is applied server-side with a
field manager of its own: what others own stays, doing it twice is doing it once, and no conflict
can arise. It must not know what an object means.
"""

import builtins
import json
import ssl
import tempfile
from base64 import b64decode
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import kopf

from brewsaga_operator import names

Json = dict[str, Any]

TIMEOUT_SECONDS: Final = 10.0
PAGE: Final = 500
"""Objects of one page of a list."""
PAGES_MAX: Final = 200
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
NOT_FOUND: Final = 404
CONFLICT: Final = 409


class ApiError(Exception):
    """The API server refused, or could not be asked. Passing by nature: everything is tried again
    from the whole, so that only `is_gone` and `exists` need to be told apart.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status

    @property
    def is_gone(self) -> bool:
        """The object is not there."""
        return self.status == NOT_FOUND

    @property
    def exists(self) -> bool:
        """It is there already, or it is another one of the same name."""
        return self.status == CONFLICT


def custom(plural: str, namespace: str, name: str = "", subresource: str = "") -> str:
    """The path of one of our own resources; without a name that of the collection."""
    parts = [f"/apis/{names.API_VERSION}/namespaces/{namespace}/{plural}", name, subresource]
    return "/".join(part for part in parts if part)


def collections(plural: str, namespaces: Sequence[str]) -> list[str]:
    """The paths of all of one kind: of these namespaces, or of every one where none is named."""
    places = [f"/namespaces/{one}" for one in namespaces] or [""]
    return [f"/apis/{names.API_VERSION}{place}/{plural}" for place in places]


def core(plural: str, namespace: str, name: str = "") -> str:
    """The path of a pod, an event, …"""
    return f"/api/v1/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


class Cluster:
    """A client; `open_cluster` makes one."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def get(self, path: str) -> Json:
        return await self._call("GET", path)

    async def list(self, path: str, **query: str) -> list[Json]:
        """Every object of a collection, page by page."""
        found: list[Json] = []
        more: dict[str, str] = {}
        for _ in range(PAGES_MAX):
            page = await self._call("GET", path, params={**query, "limit": str(PAGE), **more})
            found += page["items"]
            token = page["metadata"].get("continue")
            if not token:
                return found
            more = {"continue": token}
        raise ApiError(0, f"{path} has more than {PAGE * PAGES_MAX} objects")

    async def list_all(self, plural: str, namespaces: Sequence[str]) -> builtins.list[Json]:
        """All of one of our own kinds that this operator serves."""
        found: builtins.list[Json] = []
        for path in collections(plural, namespaces):
            found += await self.list(path)
        return found

    async def apply_status(
        self, plural: str, kind: str, meta: Mapping[str, str], status: Json
    ) -> Json:
        """Say what the status is; the object returned is the newest one."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": kind,
            "metadata": {key: meta[key] for key in ("name", "namespace", "uid")},
            "status": status,
        }
        path = custom(plural, meta["namespace"], meta["name"], "status")
        query = {"fieldManager": names.FIELD_MANAGER, "force": "true"}
        return await self._call("PATCH", path, params=query, form=APPLY, body=body)

    async def create(self, path: str, body: Json) -> Json:
        return await self._call(
            "POST", path, params={"fieldManager": names.FIELD_MANAGER}, body=body
        )

    async def merge(self, path: str, body: Json) -> Json:
        """Change the named fields alone."""
        return await self._call("PATCH", path, form=MERGE, body=body)

    async def delete(self, path: str, uid: str, *, grace_seconds: int | None = None) -> None:
        """Delete the very object of this uid; another one of its name is left alone."""
        body: Json = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        await self._call("DELETE", path, body=body)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        form: str = "application/json",
        body: Json | None = None,
    ) -> Json:
        content = None if body is None else json.dumps(body).encode()
        try:
            answer = await self._http.request(
                method, path, params=params, content=content, headers={"Content-Type": form}
            )
        except httpx.HTTPError as error:
            text = f"{method} {path}: {str(error) or type(error).__name__}"
            raise ApiError(0, text) from error
        if answer.is_success:
            found: Json = answer.json()
            return found
        raise ApiError(answer.status_code, f"{method} {path}: {_message(answer)}")


def _message(answer: httpx.Response) -> str:
    try:
        said = answer.json().get("message")
    except (ValueError, AttributeError):
        said = None
    return f"{answer.status_code} {said or answer.text[:200]}"


# ---------------------------------------------------------------- how it is reached

TOKEN_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class Token(httpx.Auth):
    """The service account's token, read anew each time: Kubernetes renews the file."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put it into the request."""
        token = TOKEN_FILE.read_text().strip() if TOKEN_FILE.is_file() else self._token
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        yield request


def log_in(settings: kopf.OperatorSettings) -> kopf.ConnectionInfo:
    """Where the API server is and who we are: a pod's service account, else the kubeconfig."""
    found = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(
        settings=settings
    )
    if found is None:
        raise kopf.PermanentError("no service account and no kubeconfig: set KUBECONFIG")
    return found


@asynccontextmanager
async def open_cluster(reached: kopf.ConnectionInfo) -> AsyncIterator[Cluster]:
    """A client with the same credentials that kopf watches with."""
    async with httpx.AsyncClient(
        base_url=reached.server,
        verify=_tls(reached),
        auth=Token(reached.token),
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
    ) as http:
        yield Cluster(http)


def _tls(reached: kopf.ConnectionInfo) -> ssl.SSLContext | bool:
    if reached.insecure:
        return False
    data = reached.ca_data
    context = ssl.create_default_context(
        cafile=str(reached.ca_path) if reached.ca_path else None,
        cadata=_decoded(data) if data else None,
    )
    if reached.certificate_path and reached.private_key_path:
        context.load_cert_chain(str(reached.certificate_path), str(reached.private_key_path))
    elif reached.certificate_data and reached.private_key_data:
        # The standard library takes a certificate from a file alone.
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(_decoded(reached.certificate_data) + "\n")
            file.write(_decoded(reached.private_key_data))
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _decoded(data: str | bytes) -> str:
    """As a kubeconfig has it (base64), or as it is."""
    text = data.decode() if isinstance(data, bytes) else data
    return text if text.startswith("-----BEGIN") else b64decode(text).decode()
