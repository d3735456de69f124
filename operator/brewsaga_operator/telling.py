"""The operator's own metrics, by the names of the project's register."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from saga import metrics
from sagakit.shell.metrics import Metrics


class Telling:
    """Counts what the operator does."""

    def __init__(self) -> None:
        self._metrics = Metrics(metrics.of("operator"))

    @property
    def registry(self) -> CollectorRegistry:
        """What is served."""
        return self._metrics.registry

    def reconciled(self, result: str) -> None:
        """One look at an object: `metrics.RECONCILED`."""
        self._metrics.observe(metrics.OPERATOR_RECONCILES, (result,), 1)

    def chaos(self, labels: Sequence[str], *, is_on: bool) -> None:
        """(experiment, fault, target): whether the fault is on."""
        if is_on:
            self._metrics.observe(metrics.CHAOS_ACTIVE, labels, 1)
        else:
            self._metrics.drop(metrics.CHAOS_ACTIVE, labels)

    def experimented(self, fault: str, verdict: str) -> None:
        """An experiment has ended."""
        self._metrics.observe(metrics.CHAOS_FINISHED, (fault, verdict), 1)
