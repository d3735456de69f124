"""Ports on loopback: finding free ones, and saying who holds one that is taken.

Free ports are drawn below the range from which systems give ports to outgoing connections, because
such a connection could take a port between the moment it was found free and the moment a server
listens on it.
"""

import random
import socket
import threading

import psutil

LOOPBACK = "127.0.0.1"
LOWEST_PORT = 20_000
HIGHEST_PORT = 32_000
DRAWS_PER_PORT = 200

_drawing = threading.Lock()
_drawn: set[int] = set()
"""What this process has drawn: its servers start side by side, and none listens yet."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def accepts(port: int) -> bool:
    """Whether something accepts connections on this port of 127.0.0.1 now."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0):
            return True
    except OSError:
        return False


def free_ports(count: int) -> list[int]:
    """So many different free ports, drawn by chance so that two stacks seldom meet, and none that
    this process was given before.
    """
    draw = random.SystemRandom()
    found: list[int] = []
    with _drawing:
        for _ in range(DRAWS_PER_PORT * count):
            port = draw.randint(LOWEST_PORT, HIGHEST_PORT)
            if port not in _drawn and is_free(port):
                _drawn.add(port)
                found.append(port)
            if len(found) == count:
                return found
    raise OSError(f"no {count} free ports between {LOWEST_PORT} and {HIGHEST_PORT}")


def holder(port: int) -> str:
    """Who listens on this port, in words; other users' processes may stay unnamed."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "another process (its name is not shown to this user)"
    for connection in connections:
        listening = connection.status == psutil.CONN_LISTEN
        if listening and connection.laddr and connection.laddr.port == port and connection.pid:
            try:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
            except psutil.Error:
                continue
    return "another process (its name is not shown to this user)"
