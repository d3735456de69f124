"""Runs shipment: reads the settings and puts the parts together. Nothing else does either."""

from functools import partial

from saga import metrics
from sagakit.shell.blueprint import Blueprint
from sagakit.shell.live_audit import LiveAudit
from sagakit.shell.run import ServiceSpec, serve
from shipment.participant import CHOREOGRAPHY, ORCHESTRATION, REFERENCE_PREFIX, SERVICE
from shipment.settings import ShipmentSettings
from shipment.store import SHAPE, ShipmentStore
from shipment.store_audit import PROMISES
from shipment.wire import ShipmentWire

BLUEPRINT = Blueprint(
    CHOREOGRAPHY,
    ORCHESTRATION,
    REFERENCE_PREFIX,
    SHAPE,
    ShipmentWire,
    ShipmentStore,
    metrics.of(SERVICE),
    audit=partial(LiveAudit, PROMISES, metrics.INVARIANTS_BROKEN, metrics.SAGAS_AUDITED),
)


def describe(settings: ShipmentSettings) -> ServiceSpec:
    """The service as the kit runs it."""
    return BLUEPRINT.service(settings, settings.odds())


def main() -> None:
    """Serve until SIGTERM."""
    serve(ShipmentSettings, describe)


if __name__ == "__main__":
    main()
