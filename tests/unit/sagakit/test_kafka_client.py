"""What the client is told that no test without a broker would notice."""

from sagakit.shell.kafka_client import consumer_config
from sagakit.shell.settings import KitSettings


def test_a_new_group_hears_what_was_said_before_it_came() -> None:
    assert consumer_config(KitSettings(), "g")["auto.offset.reset"] == "earliest"


def test_only_the_loop_says_what_is_done() -> None:
    config = consumer_config(KitSettings(), "g")
    assert config["enable.auto.commit"] is False
    assert config["enable.auto.offset.store"] is False
