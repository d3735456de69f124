"""Where the stack and the two APIs are looked for: people with a taken port move them."""

from pathlib import Path

import pytest

from brewsaga import backing
from brewsaga.errors import CommandError, Exit
from brewsaga.stack.config import StackError, data_folder, make_up_ports
from saga.contract import DATABASES


def test_the_stack_has_the_contracts_ports_and_a_folder_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("BREWSAGA_DATA", "BREWSAGA_KAFKA_PORT", "BREWSAGA_POSTGRES_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert make_up_ports() == (19092, 15435)
    assert data_folder() == Path(".brewsaga")


def test_the_environment_moves_the_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BREWSAGA_DATA", str(tmp_path))
    monkeypatch.setenv("BREWSAGA_KAFKA_PORT", "29092")
    monkeypatch.setenv("BREWSAGA_POSTGRES_PORT", "0")
    assert make_up_ports() == (29092, 0)
    assert data_folder() == tmp_path


@pytest.mark.parametrize("port", ["65536", "-1", "kafka"])
def test_a_port_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("BREWSAGA_KAFKA_PORT", port)
    with pytest.raises(StackError, match=f"BREWSAGA_KAFKA_PORT is '{port}', must be 0"):
        make_up_ports()


def test_an_api_listens_where_others_look_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for service in DATABASES:
        monkeypatch.delenv(f"{service.upper()}_URL", raising=False)
    monkeypatch.setenv("ORCHESTRATOR_URL", "http://127.0.0.1:9082")
    ports = backing.api_ports()
    assert ports.pop("orchestrator") == 9082
    assert ports == {"order": 8081, "payment": 8083, "inventory": 8084, "shipment": 8085}


@pytest.mark.parametrize("url", ["order", "http://127.0.0.1", "http://127.0.0.1:order"])
def test_an_address_without_a_port_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ORDER_URL", url)
    with pytest.raises(CommandError) as refused:
        backing.api_ports()
    assert refused.value.code is Exit.USAGE


def test_a_prefix_that_no_service_takes_makes_no_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPIC_PREFIX", "lecture")
    with pytest.raises(CommandError, match="must end in '-'"):
        backing.topic_prefix()
