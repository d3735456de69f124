"""Runs shipment: reads the settings and puts the parts together. Nothing else does either."""

from sagakit.shell.blueprint import Blueprint
from sagakit.shell.run import serve
from shipment.participant import CHOREOGRAPHY, ORCHESTRATION, REFERENCE_PREFIX
from shipment.settings import ShipmentSettings
from shipment.store import SHAPE, ShipmentStore
from shipment.wire import ShipmentWire

BLUEPRINT = Blueprint(
    CHOREOGRAPHY, ORCHESTRATION, REFERENCE_PREFIX, SHAPE, ShipmentWire, ShipmentStore
)


def main() -> None:
    """Serve until SIGTERM."""
    settings = ShipmentSettings()
    serve(BLUEPRINT.service(settings, settings.odds()))


if __name__ == "__main__":
    main()
