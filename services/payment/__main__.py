"""Runs payment: reads the settings and puts the parts together. Nothing else does either."""

from payment.participant import CHOREOGRAPHY, ORCHESTRATION, REFERENCE_PREFIX
from payment.settings import PaymentSettings
from payment.store import SHAPE, PaymentStore
from payment.wire import PaymentWire
from sagakit.shell.blueprint import Blueprint
from sagakit.shell.run import serve

BLUEPRINT = Blueprint(
    CHOREOGRAPHY, ORCHESTRATION, REFERENCE_PREFIX, SHAPE, PaymentWire, PaymentStore
)


def main() -> None:
    """Serve until SIGTERM."""
    settings = PaymentSettings()
    serve(BLUEPRINT.service(settings, settings.odds()))


if __name__ == "__main__":
    main()
