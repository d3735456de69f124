"""What every service is told from outside.

One frozen class, read once by `__main__`, printed masked at start.

A service subclasses `KitSettings` and adds its own fields. This module knows no service and opens
nothing.
"""

import re
from importlib.util import find_spec
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings

from sagakit.shell import crash_points
from sagakit.shell.kafka_access import KafkaAccess, Misconfigured, read_secret

__all__ = ["KitSettings", "Misconfigured", "Settings", "masked", "read", "told"]

MASK = "***"

RETENTION_DAYS_MIN = 8
"""Kafka keeps a message for seven days by default; what may come again must be known by then."""

_MODES: dict[str, Literal["choreo", "orch", "both"]] = {
    "choreo": "choreo",
    "choreography": "choreo",
    "orch": "orch",
    "orchestration": "orch",
    "both": "both",
}

Port = Annotated[int, Field(ge=0, le=65_535)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class KitSettings(KafkaAccess):
    """The settings that the loop itself knows.

    Each is read from the environment variable of the same name.
    """

    kafka_group_protocol: Literal["consumer", "classic"] = "consumer"
    """`consumer` needs Kafka 4; `classic` serves older brokers and the broker inside the client
    library."""
    kafka_fetch_wait_ms: int = Field(default=100, ge=1, le=5_000)
    """How long the broker holds an empty fetch. The embedded one always waits so long: 5 there."""
    kafka_linger_ms: float = Field(default=2.0, ge=0, le=100)
    """How long the producer waits for company; while little is under way it sends at once.
    """
    consumers_per_mode: int = Field(default=2, ge=1, le=16)
    """Members of each consumer group in this process: while one waits for the database another
    decides. More than partitions are idle."""
    topic_prefix: str = "saga-"
    """Stands before every topic and consumer group."""
    mode: Literal["choreo", "orch", "both"] = "both"
    """Which half this process serves; each mode is a consumer group of its own."""

    database_url: str = ""
    """The service's own database, with its own role."""
    database_url_file: str | None = None
    """A file that holds it, where a cluster keeps it secret; goes before `database_url`."""
    schema_folder: str | None = None
    """Folder of the schema's files that this program knows: the service waits until all of them are
    applied. None: it takes the database as it is."""
    database_connections_max: int = Field(default=12, ge=2, le=100)
    """Size of the pool: one a consumer for the loop, the rest for the API, the sweeper and the
    runner of re-says."""

    http_host: str = "127.0.0.1"
    """Where the API and the metrics listen; 0.0.0.0 in a container."""
    http_port: Port = 0
    """Port of the HTTP API, where the service has one; 0: any free."""
    metrics_port: Port = 0
    """Port of health and metrics; 0: any free."""

    resay_after_seconds: float = Field(default=5.0, gt=0)
    """After how long a silence something is said again the first time. 30 with foreign
    participants."""
    resay_max_seconds: float = Field(default=30.0, gt=0)
    """The silence doubles up to this."""
    resay_rate_per_second: int = Field(default=100, ge=1, le=10_000)
    """Cap on what is said again, so that an outage does not end in a storm."""
    park_after_attempts: int = Field(default=10, ge=1)
    """After how many refused undos a person is asked."""

    fail_rate: Share = 0.0
    """Share of actions that are refused for the sake of demonstration, 0..1."""
    fault_seed: str = "brewsaga"
    """Which ones: a hash of this, the saga and the step."""
    faults_enabled: bool = True
    """Whether faults named in a message are honoured; off in production."""

    chaos_enabled: bool = False
    """Whether faults may be switched on from outside (`/faults`); needs `API_TOKEN_FILE`."""

    retention_days: float = 30.0
    """After how many days ended sagas, timelines and dead letters are pruned; 0 keeps them for
    ever. What participants did, and their ledgers, are never pruned."""

    otel_exporter_otlp_endpoint: str = ""
    """Where traces go, as `http://collector:4318` (OTLP over HTTP); empty: none are told. Its
    exporter reads its other variables (`OTEL_EXPORTER_OTLP_HEADERS` and so on) itself."""
    otel_traces_sampler_arg: Share = 1.0
    """Share of sagas that are told: each wholly, in every service, or not at all."""

    outbox_keep: bool = False
    """Keep acknowledged outbox rows (audits and tests only: the table grows for ever)."""
    crash_at: str | None = None
    """Where this process kills itself, as `POINT[@WHO][#TIME]` of `crash_points`: tests only."""
    print_said: bool = False
    """Print a line on stdout for each message that is said: for terminals that people watch."""
    build_version: str = ""
    """The version of what runs, as its image says; empty: that of the installed package."""
    build_revision: str = ""
    """The revision of the source it was built from, as its image says."""
    log_format: Literal["json", "text"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    api_token_file: str | None = None
    """File with the token that changing requests must carry; None: none is asked for. Read once, at
    the start; the text itself is never a setting, so that it is printed nowhere."""

    @model_validator(mode="before")
    @classmethod
    def _read_database_url(cls, given: object) -> object:
        """Where a file holds it, it is read here, once."""
        if not isinstance(given, dict) or not given.get("database_url_file"):
            return given
        url = read_secret("DATABASE_URL_FILE", given["database_url_file"])
        return {**given, "database_url": url}

    @field_validator("mode", mode="before")
    @classmethod
    def _read_mode(cls, value: object) -> object:
        """Take all written forms: choreo, choreography, Choreography, orch, …, both."""
        return _MODES.get(value.strip().lower(), value) if isinstance(value, str) else value

    @field_validator("crash_at")
    @classmethod
    def _check_crash_at(cls, value: str | None) -> str | None:
        if value:
            crash_points.read(value)
        return value or None

    @field_validator("topic_prefix")
    @classmethod
    def _check_prefix(cls, value: str) -> str:
        if value and not value.endswith("-"):
            message = f"topic_prefix is {value!r}; it must end in '-': set TOPIC_PREFIX={value}-"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _check_chaos(self) -> "KitSettings":
        if self.chaos_enabled and self.api_token_file is None:
            message = "CHAOS_ENABLED needs API_TOKEN_FILE: not everyone may break this service"
            raise ValueError(message)
        return self

    @field_validator("retention_days")
    @classmethod
    def _check_retention(cls, value: float) -> float:
        if value != 0 and not value >= RETENTION_DAYS_MIN:
            message = (
                f"retention_days is {value:g}; it must be 0 (keep all) or at least "
                f"{RETENTION_DAYS_MIN}, a day more than topics keep messages: set RETENTION_DAYS=30"
            )
            raise ValueError(message)
        return value

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _check_endpoint(cls, value: str) -> str:
        if not value:
            return value
        if not re.fullmatch(r"https?://[^/].*", value):
            raise ValueError("it is no address; it must be like http://collector:4318")
        if not _is_installed("opentelemetry.exporter.otlp.proto.http"):
            message = (
                "traces need an extra that is not installed: pip install 'brewsaga[otel]', or "
                "build the image with --build-arg LOCK=requirements/services-otel.txt"
            )
            raise ValueError(message)
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        try:
            urlsplit(value)
        except ValueError as error:
            form = "postgresql://role:password@host:port/database"
            raise ValueError(f"it is no address ({error}); it must be like {form}") from None
        return value

    @property
    def is_traced(self) -> bool:
        """Whether traces are told."""
        return bool(self.otel_exporter_otlp_endpoint)

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes this process serves, in the short form."""
        return ("choreo", "orch") if self.mode == "both" else (self.mode,)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


Settings = TypeVar("Settings", bound=BaseSettings)


def read(kind: type[Settings]) -> Settings:
    """A service's settings from the environment.

    Raises Misconfigured, which names each variable and its bound and no value: one may be secret.
    """
    try:
        return kind()
    except ValidationError as error:
        found = (_variable(one["loc"]) + _said(one["msg"]) for one in error.errors())
        raise Misconfigured("; ".join(found)) from error


def _variable(place: tuple[int | str, ...]) -> str:
    """What it is about, where a check is not about several at once and names them itself."""
    return f"{'.'.join(str(part) for part in place).upper()}: " if place else ""


def _said(message: str) -> str:
    """A check of our own says its sentence; pydantic puts its kind before it."""
    return message.removeprefix("Value error, ")


def told(settings: KitSettings) -> str:
    """What was told from outside, in one line for people; passwords are masked."""
    values = masked(settings)
    return " ".join(f"{name}={values[name]}" for name in sorted(settings.model_fields_set))


def masked(settings: KitSettings) -> dict[str, object]:
    """The settings as they may be printed: passwords in addresses are masked."""
    return {name: _mask(value) for name, value in settings.model_dump(mode="json").items()}


def _mask(value: object) -> object:
    if not isinstance(value, str) or "://" not in value:
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        return MASK  # what cannot be read may hold a password anywhere
    if parts.password is None:
        return value
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:{MASK}@{place}"))
