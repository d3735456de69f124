"""Runs payment: reads the settings and puts the parts together. Nothing else does either."""

from typing import Final
from uuid import uuid4

from payment.participant import CHOREOGRAPHY, ORCHESTRATION, REFERENCE_PREFIX, SERVICE
from payment.settings import PaymentSettings
from payment.store import SHAPE, PaymentStore
from payment.wire import PaymentWire
from saga import metrics
from sagakit.shell.participant import ParkedUndos, Participant, serve
from sagakit.shell.rows import Backoff, RowTable
from sagakit.shell.run import Parts, ServiceSpec
from sagakit.shell.run import serve as run_process
from sagakit.shell.runtime import Runtime

RETRIED: Final = (metrics.STEP_RETRIES, (metrics.CHOREOGRAPHY, "refund", metrics.REFUSED))
PARKED: Final = (metrics.SAGAS_PARKED, (metrics.CHOREOGRAPHY, "refund"))


def new_reference() -> str:
    """A fresh payment id."""
    return f"{REFERENCE_PREFIX}{uuid4()}"


def describe(settings: PaymentSettings) -> ServiceSpec:
    """The service as the kit runs it."""

    def build(_: Runtime) -> Parts:
        odds = settings.odds()
        participant = Participant(
            SERVICE,
            PaymentWire(odds),
            RowTable(SHAPE, Backoff(settings.resay_after_seconds, settings.resay_max_seconds)),
            PaymentStore(odds, new_reference),
            settings.park_after_attempts,
        )
        handlers, dues = serve(participant, settings.modes, CHOREOGRAPHY, ORCHESTRATION, RETRIED)
        return Parts(handlers, dues, gauges=[ParkedUndos(participant.rows, PARKED)])

    return ServiceSpec(SERVICE, settings, build, metrics.of(SERVICE))


def main() -> None:
    """Serve until SIGTERM."""
    run_process(describe(PaymentSettings()))


if __name__ == "__main__":
    main()
