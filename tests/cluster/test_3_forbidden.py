"""What nobody may: each is tried with what payment has in its hands, or with nothing."""

import json
from collections.abc import Iterator

import pytest

from cluster.client import Client, start_client
from cluster.conftest import Release
from cluster.kube import CommandFailed

OURS = {"app.kubernetes.io/part-of": "brewsaga", "app.kubernetes.io/instance": "brewsaga"}
SECRETS = {
    "brewsaga-payment": {"password": "kafka-password"},
    "brewsaga-kafka-cluster-ca-cert": {"ca.crt": "kafka-ca.crt"},
    "brewsaga-payment-database": {"DATABASE_URL": "database-url"},
}
KAFKA = """
import json, pathlib, sys, time
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
secrets = pathlib.Path("/run/secrets/brewsaga")
what, argument, settings = json.loads(sys.stdin.read())
seen = []
config = {
    "bootstrap.servers": "brewsaga-kafka-kafka-bootstrap:9093", "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "brewsaga-payment", "log_level": 0,
    "sasl.password": (secrets / "kafka-password").read_text(),
    "ssl.ca.location": str(secrets / "kafka-ca.crt"),
    "error_cb": lambda error: seen.append(error.name()), **settings,
}
def produce():
    producer = Producer(config | {"delivery.timeout.ms": 10000})
    reports = []
    producer.produce(argument, b"x", b"k", on_delivery=lambda error, _: reports.append(error))
    producer.flush(12)
    return reports[0].name() if reports and reports[0] else "sent" if reports else "no answer"
def consume():
    topic, group = argument
    consumer = Consumer(config | {"group.id": group, "group.protocol": "consumer"})
    consumer.subscribe([topic])
    end = time.monotonic() + 12
    while time.monotonic() < end:
        message = consumer.poll(0.5)
        if message is not None:
            return message.error().name() if message.error() else "heard"
    return "joined, and heard nothing"
def create():
    admin = AdminClient(config)
    answer = admin.create_topics([NewTopic(argument, 1)], request_timeout=10)
    try:
        answer[argument].result()
    except KafkaException as error:
        return error.args[0].name()
    return "made"
def enter():
    producer = Producer(config)
    try:
        producer.list_topics(timeout=6)
    except KafkaException:
        producer.poll(1)
        return " ".join(sorted(set(seen))) or "not let in"
    return "let in"
print({"produce": produce, "consume": consume, "create": create, "enter": enter}[what]())
"""


@pytest.fixture(scope="module")
def payment(release: Release) -> Iterator[Client]:
    """Whoever has taken over a payment pod: its labels, its secrets, and any program."""
    needs = {"brewsaga.dev/needs-kafka": "true", "brewsaga.dev/needs-postgres": "true"}
    labels = {**OURS, **needs, "app.kubernetes.io/name": "intruder"}
    yield start_client(release.space, "intruder", labels, SECRETS)
    release.space.kubectl("delete", "pod", "intruder", "--wait=false")


def kafka(client: Client, what: str, argument: object = None, **settings: object) -> str:
    told = {name.replace("_", "."): value for name, value in settings.items()}
    return client.python(KAFKA, json.dumps([what, argument, told])).strip()


def test_payments_user_may_say_what_payment_says(payment: Client) -> None:
    """Else the refusals below would prove nothing. Nobody acts on what is in this topic."""
    assert kafka(payment, "enter") == "let in"
    assert kafka(payment, "produce", "saga-dlq.payment-choreo") == "sent"


@pytest.mark.parametrize(
    "topic", ["saga-choreo.shipment-scheduled", "saga-orch.payment-cmd", "saga-dlq.order-choreo"]
)
def test_payments_user_may_not_say_what_others_say(payment: Client, topic: str) -> None:
    assert kafka(payment, "produce", topic) == "TOPIC_AUTHORIZATION_FAILED"


def test_payments_user_may_not_hear_what_others_hear(payment: Client) -> None:
    argument = ("saga-choreo.payment-completed", "saga-payment-choreo")
    assert kafka(payment, "consume", argument) == "TOPIC_AUTHORIZATION_FAILED"


def test_payments_user_may_not_join_anothers_group(payment: Client) -> None:
    argument = ("saga-choreo.order-requested", "saga-inventory-choreo")
    assert kafka(payment, "consume", argument) == "GROUP_AUTHORIZATION_FAILED"


def test_payments_user_may_not_make_a_topic(payment: Client) -> None:
    assert kafka(payment, "create", "saga-mine") in (
        "TOPIC_AUTHORIZATION_FAILED",
        "CLUSTER_AUTHORIZATION_FAILED",
    )


def test_a_wrong_password_opens_nothing(payment: Client) -> None:
    assert "_AUTHENTICATION" in kafka(payment, "enter", sasl_password="wrong")


def test_without_tls_nobody_is_let_in(payment: Client) -> None:
    assert kafka(payment, "enter", security_protocol="SASL_PLAINTEXT") != "let in"


def test_a_broker_that_nobody_vouches_for_is_not_believed(payment: Client) -> None:
    trusted = "/etc/ssl/certs/ca-certificates.crt"
    assert "_SSL" in kafka(payment, "enter", ssl_ca_location=trusted)


SQL = """
import asyncio, pathlib, sys, asyncpg
database, statement = sys.stdin.read().split("|")
url = pathlib.Path("/run/secrets/brewsaga/database-url").read_text()
async def ask():
    try:
        connection = await asyncpg.connect(url.rsplit("/", 1)[0] + "/" + database, timeout=10)
        return str(await connection.fetchval(statement))
    except asyncpg.PostgresError as error:
        return type(error).__name__
print(asyncio.run(ask()))
"""


@pytest.mark.parametrize(
    ("database", "statement", "answer"),
    [
        ("brewsaga_payment", "SELECT 'let in'", "let in"),
        ("brewsaga_order", "SELECT 1", "InsufficientPrivilegeError"),
        ("brewsaga_payment", "UPDATE ledger SET amount_cents = 0", "InsufficientPrivilegeError"),
        ("brewsaga_payment", "DELETE FROM ledger", "InsufficientPrivilegeError"),
        ("brewsaga_payment", "DELETE FROM payments", "InsufficientPrivilegeError"),
        ("brewsaga_payment", "CREATE TABLE mine (n int)", "InsufficientPrivilegeError"),
        ("brewsaga_payment", "DELETE FROM schema_migrations", "InsufficientPrivilegeError"),
    ],
)
def test_payments_role_may(payment: Client, database: str, statement: str, answer: str) -> None:
    assert payment.python(SQL, f"{database}|{statement}").strip() == answer


REACH = """
import socket, sys
host, port = sys.stdin.read().split(":")
try:
    socket.create_connection((host, int(port)), 4).close()
    print("reached")
except OSError as error:
    print("not reached")
"""


@pytest.mark.parametrize(
    ("who", "place", "answer"),
    [
        ("payment", "brewsaga-kafka-kafka-bootstrap:9093", "reached"),
        ("payment", "brewsaga-postgres:5432", "reached"),
        ("payment", "brewsaga-order:80", "not reached"),
        ("payment", "brewsaga-kafka-kafka-brokers:9091", "not reached"),
        ("payment", "kubernetes.default:443", "not reached"),
        ("client", "brewsaga-order:80", "reached"),
        ("client", "brewsaga-kafka-kafka-bootstrap:9093", "not reached"),
        ("client", "brewsaga-postgres:5432", "not reached"),
    ],
)
def test_the_network_lets_through_only_what_is_needed(
    release: Release, payment: Client, who: str, place: str, answer: str
) -> None:
    client = payment if who == "payment" else release.client
    assert client.python(REACH, place).strip() == answer


def test_a_request_that_changes_something_needs_the_token(release: Release) -> None:
    program = """
    import httpx
    answer = httpx.post("http://brewsaga-order/sagas", json={"mode": "choreo"}, trust_env=False)
    print(answer.status_code)
    """
    assert release.client.python(program).strip() == "401"


def test_a_pod_as_root_is_refused(release: Release) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root"},
        "spec": {
            "containers": [
                {"name": "root", "image": "any", "securityContext": {"runAsUser": 0}},
            ]
        },
    }
    with pytest.raises(CommandFailed, match="violates PodSecurity"):
        release.space.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
