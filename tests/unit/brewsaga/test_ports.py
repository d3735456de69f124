import random

import pytest

from brewsaga.stack import ports


class Chance:
    """Draws the same port again and again, and then others."""

    def __init__(self) -> None:
        self._next = iter([ports.LOWEST_PORT] * 50 + list(range(ports.LOWEST_PORT, 20_400)))

    def randint(self, _low: int, _high: int) -> int:
        return next(self._next)


def test_no_port_is_given_twice_though_nothing_listens_on_it_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ports, "_drawn", set())
    monkeypatch.setattr(ports, "is_free", lambda _port: True)
    monkeypatch.setattr(random, "SystemRandom", Chance)
    (postgres,) = ports.free_ports(1)
    kafka = ports.free_ports(2)
    assert postgres == ports.LOWEST_PORT
    assert len({postgres, *kafka}) == 3
