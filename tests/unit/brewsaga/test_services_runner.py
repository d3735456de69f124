import socket

from brewsaga.services_runner import choose_places
from brewsaga.stack.ports import HIGHEST_PORT, LOOPBACK, free_ports
from saga import contract


def test_every_service_has_ports_of_its_own_that_no_outgoing_connection_takes() -> None:
    places = choose_places({})
    ports = [port for one in places.values() for port in (one.http_port, one.metrics_port)]
    assert list(places) == list(contract.DATABASES)
    assert len(set(ports)) == 2 * len(contract.DATABASES)
    assert max(ports) <= HIGHEST_PORT


def test_a_preferred_port_is_taken_only_while_it_is_free() -> None:
    (wanted,) = free_ports(1)
    with socket.socket() as other:
        other.bind((LOOPBACK, wanted))
        other.listen()
        assert choose_places({"order": wanted})["order"].http_port != wanted
    assert choose_places({"order": wanted})["order"].http_port == wanted
