"""The holes that a lecture's services have, each with the test that closes it here.

A test of the architecture compares this table with the tests that there are, so that none is
missing and none is unlisted.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Modes(Enum):
    """How a test covers the two modes."""

    EACH = "one run a mode"
    TOGETHER = "both in one run"
    ORCH = "orchestration alone: choreography has no such thing"


@dataclass(frozen=True, slots=True)
class Hole:
    """One hole: its name, the module under tests/e2e and the test that closes it, and the modes."""

    name: str
    module: str
    test: str
    modes: Modes = Modes.EACH


MESSAGES: Final = "holes/test_holes_of_messages.py"
UNDO: Final = "holes/test_holes_of_undo.py"
PROCESSES: Final = "holes/test_holes_of_processes.py"

HOLES: Final = (
    Hole("placing twice", MESSAGES, "test_placing_twice"),
    Hole("payment killed in a batch of 300", PROCESSES, "test_payment_killed_in_a_batch_of_300"),
    Hole("orchestrator killed", PROCESSES, "test_orchestrator_killed", Modes.ORCH),
    Hole("stopped between row and command", PROCESSES, "test_stopped_between_row_and_command"),
    Hole("late reply after the end", MESSAGES, "test_a_late_reply_after_the_end"),
    Hole("late refusal after SUCCESS", MESSAGES, "test_a_late_refusal_after_success"),
    Hole("reply to an unknown action", MESSAGES, "test_a_reply_to_an_unknown_action", Modes.ORCH),
    Hole("both causes of a refund", UNDO, "test_both_causes_of_a_refund"),
    Hole("release told twice", UNDO, "test_release_told_twice"),
    Hole("refund before the charge", UNDO, "test_refund_before_the_charge"),
    Hole("refund refused", UNDO, "test_refund_refused"),
    Hole("release refused", UNDO, "test_release_refused"),
    Hole(
        "orders placed before a service's first start",
        PROCESSES,
        "test_orders_placed_before_a_services_first_start",
    ),
    Hole(
        "garbage and empty messages in each topic",
        "test_poison.py",
        "test_poison_is_put_aside_and_every_partition_goes_on",
        Modes.TOGETHER,
    ),
    Hole("broker wiped", PROCESSES, "test_broker_wiped"),
)
