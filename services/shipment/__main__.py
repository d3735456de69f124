"""Runs shipment: reads the settings and puts the parts together. Nothing else does either."""

from uuid import uuid4

from saga import metrics
from sagakit.shell.participant import Participant, serve
from sagakit.shell.rows import Backoff, RowTable
from sagakit.shell.run import Parts, ServiceSpec
from sagakit.shell.run import serve as run_process
from sagakit.shell.runtime import Runtime
from shipment.participant import CHOREOGRAPHY, ORCHESTRATION, REFERENCE_PREFIX, SERVICE
from shipment.settings import ShipmentSettings
from shipment.store import SHAPE, ShipmentStore
from shipment.wire import ShipmentWire


def new_reference() -> str:
    """A fresh shipment id."""
    return f"{REFERENCE_PREFIX}{uuid4()}"


def describe(settings: ShipmentSettings) -> ServiceSpec:
    """The service as the kit runs it."""

    def build(_: Runtime) -> Parts:
        odds = settings.odds()
        participant = Participant(
            SERVICE,
            ShipmentWire(odds),
            RowTable(SHAPE, Backoff(settings.resay_after_seconds, settings.resay_max_seconds)),
            ShipmentStore(odds, new_reference),
            settings.park_after_attempts,
        )
        handlers, dues = serve(participant, settings.modes, CHOREOGRAPHY, ORCHESTRATION)
        return Parts(handlers=handlers, dues=dues)

    return ServiceSpec(SERVICE, settings, build, metrics.of(SERVICE))


def main() -> None:
    """Serve until SIGTERM."""
    run_process(describe(ShipmentSettings()))


if __name__ == "__main__":
    main()
