"""Runs the orchestrator: reads the settings and puts the parts together, as nothing else does."""

import logging

from fastapi import FastAPI
from pydantic import SecretStr

from orchestrator import counting, reads
from orchestrator.api import create_app
from orchestrator.brew import VERSIONS
from orchestrator.ends import Ends
from orchestrator.handler import SERVICE, AwaitedCommands, Orchestration
from orchestrator.repair import Cancel, Resend, Retry
from orchestrator.settings import OrchestratorSettings
from orchestrator.store_audit import PROMISES
from orchestrator.store_retention import EndedSagas
from saga import metrics
from sagakit.core.repair import Verb
from sagakit.shell import repair_api
from sagakit.shell.gauges import Readings
from sagakit.shell.live_audit import LiveAudit
from sagakit.shell.ports import Connection
from sagakit.shell.redrive import Redrive
from sagakit.shell.repairs import Remedy, Repairs
from sagakit.shell.run import Parts, ServiceSpec, serve
from sagakit.shell.runtime import Runtime

log = logging.getLogger(__name__)


class InFlight:
    """`GaugeSource` of open sagas."""

    def __init__(self) -> None:
        self._told: dict[int, int] = {}

    async def read(self, connection: Connection) -> Readings:
        """By step, with those that are parked and those whose definition is not carried."""
        waiting = await reads.without_definition(connection)
        self._tell(waiting)
        return counting.in_flight(await reads.in_flight(connection), sum(waiting.values()))

    def _tell(self, waiting: dict[int, int]) -> None:
        """Say it when it changes, to whoever started an image that is too old."""
        if waiting and waiting != self._told:
            found = ", ".join(f"{count} of version {one}" for one, count in sorted(waiting.items()))
            log.error(
                "sagas wait for an image that carries their flow version: %s; this one carries %s."
                " Start the newer image; with FLOW_VERSION it begins new sagas on an older version",
                found,
                ", ".join(map(str, sorted(VERSIONS))),
            )
        self._told = waiting


def describe(settings: OrchestratorSettings) -> ServiceSpec:
    """The service as the kit runs it. One handler: `both` means no more here than `orch`."""

    def build(runtime: Runtime) -> Parts:
        ends, retry = Ends(), Retry()
        handler = Orchestration(settings.policy(), ends.ring)
        remedies: dict[Verb, Remedy] = {
            Verb.RETRY: retry,
            Verb.REDRIVE: Redrive([handler], runtime.metrics),
            Verb.CANCEL: Cancel(settings.policy()),
            Verb.RESEND: Resend(),
        }

        audit = LiveAudit(PROMISES, metrics.INVARIANTS_BROKEN, metrics.SAGAS_AUDITED, runtime)

        def app(token: SecretStr | None) -> FastAPI:
            api = create_app(runtime.pool, ends, token)
            repair_api.add_routes(api, runtime, Repairs(runtime, remedies), retry)
            return api

        return Parts(
            handlers=[handler],
            dues=[AwaitedCommands(settings.resay_after_seconds, settings.resay_max_seconds)],
            app=app,
            ready_without_groups=True,
            gauges=[InFlight(), audit],
            prunables=[EndedSagas()],
        )

    return ServiceSpec(SERVICE, settings, build, metrics.of(SERVICE, counting.KNOWN))


def main() -> None:
    """Serve until SIGTERM."""
    serve(OrchestratorSettings, describe)


if __name__ == "__main__":
    main()
