"""What a stack is asked to be: addresses, folders and choices, without a word on how they are met.

This module reads the environment and must not know of processes.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

POSTGRES_PORT_VARIABLE = "BREWSAGA_POSTGRES_PORT"
KAFKA_PORT_VARIABLE = "BREWSAGA_KAFKA_PORT"
DATA_FOLDER_VARIABLE = "BREWSAGA_DATA"
MAKE_UP_POSTGRES_PORT = 15435  # the contract's port of the local Postgres
MAKE_UP_KAFKA_PORT = 19092
ANY_FREE_PORT = 0
HIGHEST_PORT = 65_535
DEFAULT_DATA_FOLDER = ".brewsaga"


class StackError(Exception):
    """The stack cannot do what was asked; the message says what to do next."""


def made(folder: Path, otherwise: str) -> Path:
    """This folder, made where it is missing; `otherwise` says what to do where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(f"cannot make {folder} ({error.strerror}): {otherwise}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StackError(f"cannot write into {folder}: {otherwise}")
    return folder


class KafkaChoice(StrEnum):
    """Which Kafka is wanted: the best there is, the real one or an error, the embedded one."""

    AUTO = "auto"
    REAL = "real"
    EMBEDDED = "embedded"


def cache_dir() -> Path:
    """The folder for what is downloaded once: BREWSAGA_CACHE, else ~/.cache/brewsaga."""
    named = os.environ.get("BREWSAGA_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "brewsaga"


def data_folder() -> Path:
    """The folder of `make up` and of all that runs on it: BREWSAGA_DATA, else .brewsaga here."""
    return Path(os.environ.get(DATA_FOLDER_VARIABLE) or DEFAULT_DATA_FOLDER)


def make_up_ports() -> tuple[int, int]:
    """Kafka's port and Postgres' of `make up`: BREWSAGA_KAFKA_PORT, BREWSAGA_POSTGRES_PORT, else
    the contract's. Raises StackError.
    """
    return (
        _port(KAFKA_PORT_VARIABLE, MAKE_UP_KAFKA_PORT),
        _port(POSTGRES_PORT_VARIABLE, MAKE_UP_POSTGRES_PORT),
    )


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or int(text) > HIGHEST_PORT:
        raise StackError(f"{variable} is {text!r}, must be 0 (any free) to {HIGHEST_PORT}")
    return int(text)


@dataclass(frozen=True)
class StackConfig:
    """One stack. Port 0 means any free one; no data folder, one that is removed at the end."""

    data_dir: Path | None = None
    postgres_port: int = ANY_FREE_PORT
    kafka_port: int = ANY_FREE_PORT
    brokers: int = 1
    kafka_detour: bool = False
    """Whether each broker can also be reached by a port of somebody else's, who passes on."""
    kafka: KafkaChoice = KafkaChoice.AUTO
    external_bootstrap: str | None = None
    external_postgres_admin_url: str | None = None
    database_prefix: str = "brewsaga_"

    def __post_init__(self) -> None:
        """Refuse what cannot be started, naming the field and its bound."""
        if self.brokers not in (1, 3):
            raise StackError(f"brokers is {self.brokers}, must be 1 or 3")
        for name in ("postgres_port", "kafka_port"):
            if not 0 <= getattr(self, name) <= HIGHEST_PORT:
                raise StackError(
                    f"{name} is {getattr(self, name)}, must be 0 (any free) to {HIGHEST_PORT}"
                )

    @classmethod
    def from_environment(
        cls,
        data_dir: Path | None = None,
        *,
        postgres_port: int = ANY_FREE_PORT,
        kafka_port: int = ANY_FREE_PORT,
        brokers: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> "StackConfig":
        """A stack as the environment forces it."""
        variables = os.environ if environment is None else environment
        choice = variables.get("BREWSAGA_KAFKA") or KafkaChoice.AUTO.value
        if choice not in tuple(KafkaChoice):
            raise StackError(f"BREWSAGA_KAFKA is {choice!r}, must be auto, real or embedded")
        return cls(
            data_dir=data_dir,
            postgres_port=postgres_port,
            kafka_port=kafka_port,
            brokers=brokers,
            kafka=KafkaChoice(choice),
            external_bootstrap=variables.get("KAFKA_BOOTSTRAP_SERVERS")
            or variables.get("KAFKA_BOOTSTRAP")
            or None,
            external_postgres_admin_url=variables.get("BREWSAGA_POSTGRES_ADMIN_URL") or None,
        )
