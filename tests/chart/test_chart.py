"""The chart without a cluster: it is rendered, judged by the schemas of each Kubernetes it is for,
by checkov, and by what it was last time.
"""

import difflib
import json
import os
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft7Validator
from rendered import CHART, ROOT, VALUES, helm, of_kind, resources, text

SNAPSHOTS = Path(__file__).parent / "snapshots"
DEFAULT = CHART / "values.yaml"
SERVICES = ("payment", "inventory", "shipment", "order", "orchestrator")
KUBERNETES = [f"1.{minor}" for minor in range(30, 38)]
OF_OTHERS = ("kafka.strimzi.io", "postgresql.cnpg.io", "monitoring.coreos.com", "keda.sh")
EXCEPTIONS = {
    "CKV_K8S_21": "the namespace is helm's to say, and no resource names one",
    "CKV_K8S_43": "a digest is known once an image is pushed; a version is always named",
    "CKV_K8S_15": "images are named by version, which is never made twice; kind has them loaded",
    "CKV_K8S_8": "only the pod of `helm test` has no probe: it runs to its end",
    "CKV_K8S_9": "as CKV_K8S_8",
    "CKV2_K8S_6": "one values file shows how it is without network policies",
    "CKV_K8S_38": "the operator asks the API server, as does who takes its faults back; no other",
    "CKV_K8S_40": "Postgres' own image runs as 999, and as no other; ours run as 10001",
}


def ids(path: Path) -> str:
    return path.stem


def test_lint_finds_nothing() -> None:
    for values in VALUES:
        done = helm("lint", str(CHART), "--strict", "-f", str(values))
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(version: str) -> None:
    """Of each values file; what several of them render alike is judged once."""
    found = (one for values in VALUES for one in resources(values))
    for one in {json.dumps(one): one for one in found}.values():
        if not one["apiVersion"].startswith(OF_OTHERS):
            kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("values", VALUES, ids=ids)
def test_checkov_finds_only_what_has_a_reason(values: Path, tmp_path: Path) -> None:
    (tmp_path / "chart.yaml").write_text(text(values))
    options = ("--framework", "kubernetes", "--output", "json", "--compact", "--quiet")
    done = subprocess.run(
        ["checkov", "-f", str(tmp_path / "chart.yaml"), *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    found = json.loads(done.stdout)["results"]["failed_checks"]
    wrong = {f"{one['check_id']} {one['check_name']}: {one['resource']}" for one in found}
    assert {line for line in wrong if line.split()[0] not in EXCEPTIONS} == set()
    for check in ("CKV_K8S_8", "CKV_K8S_9"):
        assert all("-test" in line for line in wrong if line.startswith(check + " ")), wrong
    assert "minimal" in values.stem or not any(line.startswith("CKV2_K8S_6") for line in wrong)
    assert all("postgres" in line for line in wrong if line.startswith("CKV_K8S_40 ")), wrong
    assert all("-operator" in line for line in wrong if line.startswith("CKV_K8S_38 ")), wrong


@pytest.mark.parametrize("values", VALUES, ids=ids)
def test_it_renders_what_it_did(values: Path) -> None:
    """The default in full, of all others what differs. `make chart-snapshots` takes the new one."""
    now = text(values)
    if values != DEFAULT:
        lines = difflib.unified_diff(text(DEFAULT).split("\n"), now.split("\n"), n=1, lineterm="")
        now = "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@"))) + "\n"
    place = SNAPSHOTS / f"{values.stem}.snap"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        place.write_text(now)
    assert place.exists(), f"no snapshot of {values.stem}: make chart-snapshots"
    changes = difflib.unified_diff(place.read_text().split("\n"), now.split("\n"), lineterm="")
    changed = "\n".join(list(changes)[:60])
    assert not changed, f"{changed}\nmeant? then make chart-snapshots"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            "kafka.provider=rabbit",
            "at '/kafka/provider': value must be one of 'strimzi', 'external",
        ),
        ("services.paymant.replicas=2", "additional properties 'paymant' not allowed"),
        ("topicPrefix=saga", "at '/topicPrefix': 'saga' does not match pattern"),
        ("serviceDefaults.replicas=0", "at '/serviceDefaults/replicas': minimum: got 0, want 1"),
        ("services.order.replicas=7", "services.order.replicas is 7, but there are 6 partitions"),
        ("image.tag=latest", "image.tag is latest, which names no version"),
        ("kafka.provider=external", 'kafka.external.bootstrapServers is "": set it to host:port'),
        ("kafka.topics.replicas=3", "each copy needs a broker of its own"),
        ("kafka.topics.minInSyncReplicas=2", "nothing could ever be written; lower the first"),
        ("kafka.strimzi.controllers=2", "set 0 (brokers are controllers too), 3 or 5"),
        ("postgres.provider=external", "postgres.external.secrets.inventory is not set"),
        ("settings.databaseConnectionsMax=40", "raise it, or lower settings.databaseConnections"),
        (
            "operator.chaos.enabled=true,api.token.enabled=false",
            "faults are switched with the token alone",
        ),
        ("serviceDefaults.autoscaling.enabled=true", "install KEDA and set autoscaling.keda"),
    ],
)
def test_wrong_values_are_refused_with_a_sentence(given: str, sentence: str) -> None:
    done = helm("template", "brewsaga", str(CHART), "--set", given)
    assert done.returncode != 0
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("kafka.external.users.payment", "payment needs a password for Kafka; set username, and"),
        ("postgres.external.secrets.order", "order needs a password for its database; name the"),
        ("postgres.external.adminSecret", "the migrations need the databases' owner; name the"),
        ("postgres.external.auditSecret", "the audit reads every database; name the Secret"),
    ],
)
def test_a_missing_password_is_refused_with_a_sentence(
    missing: str, sentence: str, tmp_path: Path
) -> None:
    values = yaml.safe_load((CHART / "ci" / "external-values.yaml").read_text())
    *path, last = missing.split(".")
    place = values
    for name in path:
        place = place[name]
    del place[last]
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    done = helm("template", "brewsaga", str(CHART), "-f", str(tmp_path / "values.yaml"))
    assert done.returncode != 0
    assert sentence in done.stderr


def test_each_value_is_described_and_each_description_has_its_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    Draft7Validator.check_schema(schema)
    values = yaml.safe_load(DEFAULT.read_text())
    missing = _undescribed(values, schema, schema, "")
    assert not missing, f"no description in values.schema.json: {missing}"
    described = set(schema["properties"]) - {"global"}
    assert described == set(values)


def _undescribed(values: object, schema: dict, root: dict, path: str) -> list[str]:
    told = schema.get("description")
    schema = root["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if isinstance(values, dict) and "properties" in schema:
        return [
            place
            for name, value in values.items()
            for place in (
                _undescribed(value, schema["properties"][name], root, f"{path}.{name}")
                if name in schema["properties"]
                else [f"{path}.{name}"]
            )
        ]
    return [] if told or schema.get("description") or ".resources." in path else [path]


def test_topics_users_and_rights_are_those_of_the_contract() -> None:
    contract = json.loads((CHART / "files" / "contract.json").read_text())
    topics = of_kind(DEFAULT, "KafkaTopic")
    assert set(topics) == {f"saga-{name}" for name in contract["topics"]}
    users = of_kind(DEFAULT, "KafkaUser")
    assert set(users) == {f"brewsaga-{name}" for name in (*contract["services"], "audit")}
    for service, may in contract["services"].items():
        rights = {
            (rule["resource"]["type"], rule["resource"]["name"], tuple(rule["operations"]))
            for rule in users[f"brewsaga-{service}"]["spec"]["authorization"]["acls"]
        }
        assert rights == {
            *(("topic", f"saga-{name}", ("Write", "Describe")) for name in may["says"]),
            *(("topic", f"saga-{name}", ("Read", "Describe")) for name in may["hears"]),
            *(("group", f"saga-{name}", ("Read",)) for name in may["groups"]),
        }
    literal = {
        rule["resource"]["patternType"]
        for user in users.values()
        for rule in user["spec"]["authorization"]["acls"]
    }
    assert literal == {"literal"}


@pytest.mark.parametrize("values", VALUES, ids=ids)
def test_a_service_gets_the_same_files_whoever_provides_kafka_and_postgres(values: Path) -> None:
    for deployment in of_kind(values, "Deployment").values():
        template = deployment["spec"]["template"]
        if template["metadata"]["labels"]["app.kubernetes.io/component"] != "service":
            continue
        pod = template["spec"]
        files = {
            item["path"]
            for source in pod["volumes"][0]["projected"]["sources"]
            for item in source["secret"]["items"]
        }
        assert files | {"api-token"} == {
            "database-url",
            "kafka-password",
            "kafka-ca.crt",
            "api-token",
        }


@pytest.mark.parametrize("values", VALUES, ids=ids)
def test_no_secret_is_in_an_environment_or_an_argument(values: Path) -> None:
    for kind in ("Deployment", "StatefulSet", "Job", "Pod"):
        for one in of_kind(values, kind).values():
            spec = one["spec"]["template"]["spec"] if kind != "Pod" else one["spec"]
            for container in spec["containers"]:
                for variable in container.get("env", []):
                    assert "valueFrom" not in variable, variable
                    assert "RANDOM" not in str(variable), variable
                assert "RANDOM" not in str(container.get("args"))


CHAOS_LABEL = "brewsaga.dev/chaos"


def _pods_for_chaos(tmp_path: Path, **chaos: bool) -> dict[str, bool]:
    """Each pod that the chart makes itself, and whether it lets itself be struck."""
    values = tmp_path / f"{'-'.join(chaos) or 'default'}.yaml"
    values.write_text(yaml.safe_dump({"operator": {"chaos": chaos}}))
    found = {**of_kind(values, "Deployment"), **of_kind(values, "StatefulSet")}
    pods = {name: one["spec"]["template"]["metadata"]["labels"] for name, one in found.items()}
    return {name: labels.get(CHAOS_LABEL) == "allowed" for name, labels in pods.items()}


def test_nothing_is_struck_that_was_not_allowed(tmp_path: Path) -> None:
    assert not any(_pods_for_chaos(tmp_path).values())
    services = {f"brewsaga-{one}" for one in SERVICES}
    struck = {name for name, may in _pods_for_chaos(tmp_path, enabled=True).items() if may}
    assert struck == services
    pods = _pods_for_chaos(tmp_path, enabled=True, databaseKill=True)
    assert {name for name, may in pods.items() if may} == {*services, "brewsaga-postgres"}


def test_what_chaos_looks_for_is_how_the_pods_are_labelled() -> None:
    chaos = yaml.safe_load(DEFAULT.read_text())["operator"]["chaos"]
    database = of_kind(DEFAULT, "StatefulSet")["brewsaga-postgres"]
    name, _, value = chaos["databaseSelector"].partition("=")
    assert database["spec"]["template"]["metadata"]["labels"][name] == value


def test_versions_are_said_in_one_place() -> None:
    """The pinned versions of kind, Strimzi and the others stand in deploy/versions.env alone."""
    pins = dict(
        line.split("=", 1)
        for line in (ROOT / "deploy" / "versions.env").read_text().split("\n")
        if "=" in line and not line.startswith("#")
    )
    for script in ("kind-up", "cluster-prepare", "images", "deploy"):
        written = (ROOT / "deploy" / script).read_text()
        assert [pin for pin in pins.values() if f"{pin} " in written] == [], script
