from pathlib import Path

import pytest

from sagakit.shell.kafka_access import KafkaAccess, access_config, read_secret
from sagakit.shell.kafka_client import consumer_config
from sagakit.shell.publisher import producer_config
from sagakit.shell.settings import KitSettings, Misconfigured, masked, read

PASSWORD = "geheim"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    for name in ("ca.crt", "user.crt", "user.key"):
        (tmp_path / name).write_text("PEM\n")
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return {name: str(tmp_path / name) for name in ("ca.crt", "user.crt", "user.key", "password")}


def test_without_a_word_there_is_an_address_and_nothing_else() -> None:
    assert access_config(KafkaAccess()) == {"bootstrap.servers": "127.0.0.1:9092"}


def test_a_user_a_password_and_whom_to_trust(files: dict[str, str]) -> None:
    settings = KitSettings(
        kafka_security_protocol="SASL_SSL",
        kafka_username="payment",
        kafka_password_file=files["password"],
        kafka_ca_file=files["ca.crt"],
    )
    told = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "payment",
        "sasl.password": PASSWORD,
        "ssl.ca.location": files["ca.crt"],
    }
    for config in (consumer_config(settings, "group"), producer_config(settings)):
        assert told.items() <= config.items()
    assert PASSWORD not in str(masked(settings))


def test_a_certificate_instead_of_a_password(files: dict[str, str]) -> None:
    access = KafkaAccess(
        kafka_security_protocol="SSL",
        kafka_certificate_file=files["user.crt"],
        kafka_key_file=files["user.key"],
    )
    config = access_config(access)
    assert config["ssl.certificate.location"] == files["user.crt"]
    assert config["ssl.key.location"] == files["user.key"]
    assert "sasl.mechanism" not in config


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"},
            "KAFKA_SECURITY_PROTOCOL is SASL_SSL: set KAFKA_USERNAME and KAFKA_PASSWORD_FILE",
        ),
        (
            {"KAFKA_USERNAME": "payment"},
            (
                "KAFKA_SECURITY_PROTOCOL is PLAINTEXT, which has no passwords: set it to SASL_SSL, "
                "or unset KAFKA_USERNAME and KAFKA_PASSWORD_FILE"
            ),
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_KEY_FILE": "user.key"},
            "KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE belong together: set both",
        ),
    ],
)
def test_what_is_half_said_is_refused(
    environment: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as refused:
        read(KafkaAccess)
    assert str(refused.value) == sentence


def test_a_secret_that_is_not_there_is_named_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(Misconfigured, match=r"X_FILE is '.*gone': No such file"):
        read_secret("X_FILE", str(tmp_path / "gone"))
    with pytest.raises(Misconfigured, match=r"X_FILE is '.*empty': the file is empty"):
        read_secret("X_FILE", str(tmp_path / "empty"))


def test_the_database_may_be_told_by_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "url").write_text(f"postgresql://payment:{PASSWORD}@postgres/payment\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone@else/where")
    settings = read(KitSettings)
    assert settings.database_url == f"postgresql://payment:{PASSWORD}@postgres/payment"
    assert PASSWORD not in str(masked(settings))
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "gone"))
    with pytest.raises(Misconfigured, match="DATABASE_URL_FILE is"):
        read(KitSettings)
