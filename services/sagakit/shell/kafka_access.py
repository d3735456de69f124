"""How Kafka lets a client in: by which protocol, as whom, and whom the client trusts.

Shared by every client there is: the services' and the audit's. Passwords and keys come from files
alone, so that no environment, argument or log holds one; a client reads them when it is built.
"""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import AliasChoices, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Misconfigured(Exception):  # noqa: N818 - what happened, as in `Refused` and `Conflict`
    """What was told from outside cannot be served; the text says what to set."""


class KafkaAccess(BaseSettings):
    """Each field is read from the environment variable of the same name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:9092",
        validation_alias=AliasChoices(
            "kafka_bootstrap_servers", "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP"
        ),
    )
    """Where Kafka is. `KAFKA_BOOTSTRAP` is the older name of the same."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """SASL_SSL in a cluster: a user and a password, over TLS. SSL with a certificate is mTLS."""
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    kafka_username: str = ""
    kafka_password_file: str | None = None
    kafka_ca_file: str | None = None
    """Certificates of those who may vouch for a broker (PEM); None: those of the system."""
    kafka_certificate_file: str | None = None
    """The client's own certificate (PEM), where the broker asks for one."""
    kafka_key_file: str | None = None

    @model_validator(mode="after")
    def _check_access(self) -> Self:
        """What is half said is refused here, and not by a broker that hangs up."""
        if self.kafka_security_protocol.startswith("SASL"):
            if not self.kafka_username or not self.kafka_password_file:
                message = (
                    f"KAFKA_SECURITY_PROTOCOL is {self.kafka_security_protocol}: set "
                    "KAFKA_USERNAME and KAFKA_PASSWORD_FILE"
                )
                raise ValueError(message)
        elif self.kafka_username or self.kafka_password_file:
            message = (
                f"KAFKA_SECURITY_PROTOCOL is {self.kafka_security_protocol}, which has no "
                "passwords: set it to SASL_SSL, or unset KAFKA_USERNAME and KAFKA_PASSWORD_FILE"
            )
            raise ValueError(message)
        if (self.kafka_certificate_file is None) != (self.kafka_key_file is None):
            message = "KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE belong together: set both"
            raise ValueError(message)
        return self


_FILES: Final = (
    ("kafka_ca_file", "ssl.ca.location"),
    ("kafka_certificate_file", "ssl.certificate.location"),
    ("kafka_key_file", "ssl.key.location"),
)


def access_config(access: KafkaAccess) -> dict[str, object]:
    """What librdkafka is told. Raises Misconfigured where a file is not there."""
    config: dict[str, object] = {"bootstrap.servers": access.kafka_bootstrap_servers}
    if access.kafka_security_protocol == "PLAINTEXT":
        return config
    config["security.protocol"] = access.kafka_security_protocol
    for field, name in _FILES:
        path = getattr(access, field)
        if path is not None:
            read_secret(field.upper(), path)  # librdkafka's own sentence names no variable
            config[name] = path
    if access.kafka_password_file is not None:
        config["sasl.mechanism"] = access.kafka_sasl_mechanism
        config["sasl.username"] = access.kafka_username
        config["sasl.password"] = read_secret("KAFKA_PASSWORD_FILE", access.kafka_password_file)
    return config


def read_secret(variable: str, path: str) -> str:
    """The text of a file, without the white space around it. Raises Misconfigured, without it."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or type(error).__name__
        message = f"{variable} is {path!r}: {cause}; put the secret there, or unset the variable"
        raise Misconfigured(message) from None
    if not text:
        message = f"{variable} is {path!r}: the file is empty; put the secret there"
        raise Misconfigured(message)
    return text
