"""Puts the dashboards into a Grafana that somebody has. Knows Grafana's API and no dashboard."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import httpx

from brewsaga.errors import CommandError, Exit

URL_VARIABLE: Final = "GRAFANA_URL"
TOKEN_VARIABLE: Final = "GRAFANA_TOKEN"  # noqa: S105 - the name of the variable
TIMEOUT_SECONDS: Final = 10.0
NEXT_STEP: Final = f"{URL_VARIABLE}=http://127.0.0.1:3000 {TOKEN_VARIABLE}=glsa_… make dashboards"
MESSAGE: Final = "brewsaga dashboards"
"""What Grafana's history of versions says."""


def push(dashboards: Iterable[Mapping[str, Any]], environment: Mapping[str, str]) -> list[str]:
    """Put each into its place, over what is there; the address of each. Raises CommandError."""
    url, token = _told(environment)
    with httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=TIMEOUT_SECONDS,
        trust_env=False,  # the proxies of the environment are not for it
    ) as client:
        return [url + _put(client, url, dashboard) for dashboard in dashboards]


def _told(environment: Mapping[str, str]) -> tuple[str, str]:
    url = environment.get(URL_VARIABLE, "").rstrip("/")
    token = environment.get(TOKEN_VARIABLE, "")
    if not url.startswith(("http://", "https://")):
        text = f"{URL_VARIABLE} is {url!r}; it must be Grafana's address, http:// or https://"
        raise CommandError(text, NEXT_STEP, Exit.USAGE)
    if not token:
        text = (
            f"{TOKEN_VARIABLE} is not set; it is a token of a Grafana service account that may "
            "write dashboards (Administration, Service accounts, role Editor)"
        )
        raise CommandError(text, NEXT_STEP, Exit.USAGE)
    return url, token


def _put(client: httpx.Client, url: str, dashboard: Mapping[str, Any]) -> str:
    body = {"dashboard": {**dashboard, "id": None}, "overwrite": True, "message": MESSAGE}
    try:
        answer = client.post("/api/dashboards/db", json=body)
    except httpx.InvalidURL as error:
        text = f"{URL_VARIABLE} is {url!r}: {error}"
        raise CommandError(text, NEXT_STEP, Exit.USAGE) from error
    except httpx.TransportError as error:
        text = f"Grafana at {url} does not answer ({type(error).__name__})"
        raise CommandError(text, f"curl {url}/api/health") from error
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        text = f"Grafana at {url} refuses the token ({answer.status_code}); it needs role Editor"
        raise CommandError(text, NEXT_STEP)
    if not answer.is_success:
        said = answer.text[:200]
        text = f"Grafana at {url} refused {dashboard['title']!r}: HTTP {answer.status_code} {said}"
        raise CommandError(text, f"curl {url}/api/health")
    try:
        return str(answer.json()["url"])
    except (ValueError, KeyError, TypeError) as error:
        text = f"what answers at {url} is no Grafana: {answer.text[:200]!r}"
        raise CommandError(text, NEXT_STEP) from error
