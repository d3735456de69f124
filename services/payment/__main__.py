"""Runs payment: reads the settings and puts the parts together. Nothing else does either."""

from functools import partial

from payment.participant import CHOREOGRAPHY, ORCHESTRATION, REFERENCE_PREFIX, SERVICE
from payment.settings import PaymentSettings
from payment.store import SHAPE, PaymentStore
from payment.store_audit import PROMISES
from payment.wire import PaymentWire
from saga import metrics
from sagakit.shell.blueprint import Blueprint
from sagakit.shell.live_audit import LiveAudit
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
    audit=partial(LiveAudit, PROMISES, metrics.INVARIANTS_BROKEN, metrics.SAGAS_AUDITED),
)


def describe(settings: PaymentSettings) -> ServiceSpec:
    """The service as the kit runs it."""
    return BLUEPRINT.service(settings, settings.odds())


def main() -> None:
    """Serve until SIGTERM."""
    serve(PaymentSettings, describe)


if __name__ == "__main__":
    main()
