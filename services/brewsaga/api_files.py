"""The OpenAPI file of each service that has an API, as the service itself describes it, and of
what every service has beside it where chaos is allowed.

Nothing is started: an app describes itself without its database.
"""

import json
from pathlib import Path
from typing import Any, Final, cast

import orchestrator.api
import order.api
from orchestrator.ends import Ends
from sagakit.shell import faults_api
from sagakit.shell.api import create_api
from sagakit.shell.faults import Switchboard

INDENT: Final = 2


def described() -> dict[str, str]:
    """Each file's name and text."""
    doors, pool = cast(Any, None), cast(Any, None)  # no route is called
    apps = {
        "order": order.api.create_app(doors, None),
        "orchestrator": orchestrator.api.create_app(pool, Ends(), None),
    }
    apps["faults"] = create_api("BrewSaga faults", None)
    apps["faults"].include_router(faults_api.routes(Switchboard()))
    return {
        f"{service}.openapi.json": json.dumps(app.openapi(), indent=INDENT) + "\n"
        for service, app in apps.items()
    }


def differing(folder: Path) -> list[str]:
    """The files in `folder` that are not as the services describe themselves."""
    return [
        name
        for name, text in described().items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text
    ]


def write(folder: Path) -> None:
    """Put every file into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in described().items():
        (folder / name).write_text(text, encoding="utf-8")
