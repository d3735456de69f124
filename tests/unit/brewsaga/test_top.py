"""The matrix as it is printed."""

from brewsaga.forms import FORMS
from brewsaga.top import drawn

STEPS = ("payment", "inventory", "shipment", "release", "refund")


def mode(name: str, **steps: tuple[int, int, int, float]) -> dict[str, object]:
    nobody = (0, 0, 0, None)
    return {
        "mode": name,
        "open": sum(sum(one[:3]) for one in steps.values()),
        "steps": [
            dict(
                zip(
                    ("moving", "stuck", "parked", "silent_seconds"),
                    steps.get(step, nobody),
                    strict=True,
                ),
                step=step,
                owed_by="payment",
            )
            for step in STEPS
        ],
        "ends": [{"outcome": "completed", "count": 7, "p50_seconds": 0.05, "p95_seconds": 1.5}],
    }


OVERVIEW = {
    "at": "2026-01-01T00:00:00Z",
    "stuck_after_seconds": 120.0,
    "ends_of_the_last": 2000,
    "modes": [
        mode("choreography", shipment=(3, 1, 0, 200.25)),
        mode("orchestration", refund=(0, 0, 2, 4.0)),
    ],
    "stuck": [],
    "recent": [],
}


def test_each_state_of_each_step_stands_in_its_place() -> None:
    FORMS["top"].validate_python(OVERVIEW)
    assert drawn(OVERVIEW) == [
        "MODE           OPEN        PAYMENT  INVENTORY  SHIPMENT  RELEASE  REFUND  ALL",
        "choreography   moving      -        -          3         -        -       3",
        "choreography   stuck       -        -          1         -        -       1",
        "choreography   parked      -        -          -         -        -       -",
        "choreography   silent for  -        -          200.25s   -        -       200.25s",
        "orchestration  moving      -        -          -         -        -       -",
        "orchestration  stuck       -        -          -         -        -       -",
        "orchestration  parked      -        -          -         -        2       2",
        "orchestration  silent for  -        -          -         -        4.00s   4.00s",
        "",
        "MODE           ENDS OF THE LAST 2000  SAGAS  P50    P95",
        "choreography   completed              7      0.05s  1.50s",
        "orchestration  completed              7      0.05s  1.50s",
    ]
