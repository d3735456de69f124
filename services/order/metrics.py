"""What the order service counts beyond the loop: the beginning and the end of sagas, as the one
place that sees both.

Plain declarations; the kit builds them.
"""

from typing import Final

from saga.contract import Mode, Outcome
from sagakit.shell.metrics import Declaration

_MODES: Final = tuple((mode.long,) for mode in Mode)
_ENDS: Final = tuple((mode.long, outcome.value) for mode in Mode for outcome in Outcome)
DURATION_BUCKETS_SECONDS: Final = (
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
)  # fmt: skip

DECLARATIONS: Final = (
    Declaration(
        "sagas_started_total", "counter", "Orders placed or adopted.", ("mode",), known=_MODES
    ),
    Declaration(
        "sagas_finished_total", "counter", "Ends recorded.", ("mode", "outcome"), known=_ENDS
    ),
    Declaration(
        "saga_duration_seconds",
        "histogram",
        "From placing to the recorded end, by the database's clock.",
        ("mode", "outcome"),
        buckets=DURATION_BUCKETS_SECONDS,
        known=_ENDS,
    ),
    Declaration(
        "transitions_total",
        "counter",
        "Steps of choreographed sagas, as order heard them; feeds the flow graph.",
        ("mode", "source", "target"),
    ),
    Declaration(
        "invariant_violations_total",
        "counter",
        "What must never happen and was seen to happen.",
        ("mode", "invariant"),
        known=tuple((mode.long, "one_end") for mode in Mode),
    ),
)
