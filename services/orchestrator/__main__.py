"""Runs the orchestrator: reads the settings and puts the parts together, as nothing else does."""

from functools import partial

from orchestrator.api import create_app
from orchestrator.ends import Ends
from orchestrator.handler import SERVICE, AwaitedCommands, Orchestration
from orchestrator.settings import OrchestratorSettings
from sagakit.shell.run import Parts, ServiceSpec, serve
from sagakit.shell.runtime import Runtime


def describe(settings: OrchestratorSettings) -> ServiceSpec:
    """The service as the kit runs it. One handler: `both` means no more here than `orch`."""

    def build(runtime: Runtime) -> Parts:
        ends = Ends()
        return Parts(
            handlers=[Orchestration(settings.policy(), ends.ring)],
            dues=[AwaitedCommands(settings.resay_after_seconds, settings.resay_max_seconds)],
            app=partial(create_app, runtime.pool, ends),
        )

    return ServiceSpec(SERVICE, settings, build)


def main() -> None:
    """Serve until SIGTERM."""
    serve(describe(OrchestratorSettings()))


if __name__ == "__main__":
    main()
