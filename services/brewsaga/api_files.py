"""The OpenAPI file of each service that has an API, as the service itself describes it, and of
what every service has beside it where chaos is allowed.

Nothing is started: an app describes itself without its database.
"""

import json
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
