"""The OpenAPI file of each service that has an API, as the service itself describes it.

Nothing is started: an app describes itself without its database.
"""

import json
from typing import Any, Final, cast

import orchestrator.api
import order.api
from orchestrator.ends import Ends

INDENT: Final = 2


def described() -> dict[str, str]:
    """Each file's name and text."""
    doors, pool = cast(Any, None), cast(Any, None)  # no route is called
    apps = {
        "order": order.api.create_app(doors, None),
        "orchestrator": orchestrator.api.create_app(pool, Ends(), None),
    }
    return {
        f"{service}.openapi.json": json.dumps(app.openapi(), indent=INDENT) + "\n"
        for service, app in apps.items()
    }
