"""Runs the orchestrator: reads the settings and puts the parts together, as nothing else does."""

from functools import partial

from orchestrator import counting, reads
from orchestrator.api import create_app
from orchestrator.ends import Ends
from orchestrator.handler import SERVICE, AwaitedCommands, Orchestration
from orchestrator.settings import OrchestratorSettings
from orchestrator.store_retention import EndedSagas
from saga import metrics
from sagakit.shell.gauges import Readings
from sagakit.shell.ports import Connection
from sagakit.shell.run import Parts, ServiceSpec, serve
from sagakit.shell.runtime import Runtime


class InFlight:
    """`GaugeSource` of open sagas."""

    async def read(self, connection: Connection) -> Readings:
        """By step, with those that are parked."""
        return counting.in_flight(await reads.in_flight(connection))


def describe(settings: OrchestratorSettings) -> ServiceSpec:
    """The service as the kit runs it. One handler: `both` means no more here than `orch`."""

    def build(runtime: Runtime) -> Parts:
        ends = Ends()
        return Parts(
            handlers=[Orchestration(settings.policy(), ends.ring)],
            dues=[AwaitedCommands(settings.resay_after_seconds, settings.resay_max_seconds)],
            app=partial(create_app, runtime.pool, ends),
            gauges=[InFlight()],
            prunables=[EndedSagas()],
        )

    return ServiceSpec(SERVICE, settings, build, metrics.of(SERVICE, counting.KNOWN))


def main() -> None:
    """Serve until SIGTERM."""
    serve(OrchestratorSettings, describe)


if __name__ == "__main__":
    main()
