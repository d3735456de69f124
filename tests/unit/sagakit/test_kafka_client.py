"""What the client is told that no test without a broker would notice."""

import pytest

from sagakit.shell.kafka_client import consumer_config
from sagakit.shell.patience import PATIENCE_SECONDS_MAX, patience_seconds
from sagakit.shell.settings import KitSettings


def test_a_new_group_hears_what_was_said_before_it_came() -> None:
    assert consumer_config(KitSettings(), "g")["auto.offset.reset"] == "earliest"


def test_only_the_loop_says_what_is_done() -> None:
    config = consumer_config(KitSettings(), "g")
    assert config["enable.auto.commit"] is False
    assert config["enable.auto.offset.store"] is False


@pytest.mark.parametrize(
    ("worked", "passed", "patience"),
    [
        (0.004, 0.1, 0.0),  # one order at a time: its next step is worth more than company
        (0.004, 0.012, 0.004),
        (0.03, 0.06, 0.03),
        (2.0, 2.0, PATIENCE_SECONDS_MAX),
    ],
)
def test_only_a_busy_worker_lets_its_batch_fill(
    worked: float, passed: float, patience: float
) -> None:
    assert patience_seconds(worked, passed) == patience
