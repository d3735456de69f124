"""The OpenAPI file of each service, as the service itself describes it, and of what every service
has beside it where chaos is allowed.

Each is put together as when it runs, and nothing is started: an app describes itself without its
database.
"""

import json
from typing import Any, Final, cast

from fastapi import FastAPI

import inventory.__main__
import orchestrator.__main__
import order.__main__
import payment.__main__
import shipment.__main__
from brewsaga import auditor
from inventory.settings import InventorySettings
from orchestrator.settings import OrchestratorSettings
from order.settings import OrderSettings
from payment.settings import PaymentSettings
from sagakit.shell import faults_api
from sagakit.shell.api import create_api
from sagakit.shell.faults import Switchboard
from sagakit.shell.metrics import Metrics
from sagakit.shell.run import ServiceSpec
from sagakit.shell.runtime import Runtime
from shipment.settings import ShipmentSettings

INDENT: Final = 2


def described() -> dict[str, str]:
    """Each file's name and text."""
    specs = (
        inventory.__main__.describe(InventorySettings()),
        orchestrator.__main__.describe(OrchestratorSettings()),
        order.__main__.describe(OrderSettings()),
        payment.__main__.describe(PaymentSettings()),
        shipment.__main__.describe(ShipmentSettings()),
    )
    apps = {spec.service: _app(spec) for spec in specs}
    apps["auditor"] = auditor.create_app(cast(Any, None))
    apps["faults"] = create_api("BrewSaga faults", None)
    apps["faults"].include_router(faults_api.routes(Switchboard()))
    return {
        f"{service}.openapi.json": json.dumps(app.openapi(), indent=INDENT) + "\n"
        for service, app in apps.items()
    }


def _app(spec: ServiceSpec) -> FastAPI:
    nothing = cast(Any, None)  # no route is called
    metrics = Metrics(spec.metrics)
    runtime = Runtime(spec.service, spec.settings, nothing, nothing, metrics, Switchboard())
    build = spec.build(runtime).app
    assert build is not None, f"{spec.service} has no API"
    return build(None)
