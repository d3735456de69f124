"""Runs payment: reads the settings and puts the parts together. Nothing else does either."""

from payment.participant import CHOREOGRAPHY, ORCHESTRATION, REFERENCE_PREFIX, SERVICE
from payment.settings import PaymentSettings
from payment.store import SHAPE, PaymentStore
from payment.wire import PaymentWire
from saga import metrics
from sagakit.shell.blueprint import Blueprint
from sagakit.shell.run import ServiceSpec, serve

BLUEPRINT = Blueprint(
    CHOREOGRAPHY,
    ORCHESTRATION,
    REFERENCE_PREFIX,
    SHAPE,
    PaymentWire,
    PaymentStore,
    metrics.of(SERVICE),
    retried=(metrics.STEP_RETRIES, (metrics.CHOREOGRAPHY, "refund", metrics.REFUSED)),
    parked=(metrics.SAGAS_PARKED, (metrics.CHOREOGRAPHY, "refund")),
)


def describe(settings: PaymentSettings) -> ServiceSpec:
    """The service as the kit runs it."""
    return BLUEPRINT.service(settings, settings.odds())


def main() -> None:
    """Serve until SIGTERM."""
    serve(PaymentSettings, describe)


if __name__ == "__main__":
    main()
