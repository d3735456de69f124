"""The definitions outlive a release, so the next one finds them: its own, another's, or nobody's.

None of that keeps it from being installed. The releases here are installed and never wait for their
pods: their Kafka and Postgres are nowhere.
"""

import json
import uuid
from collections.abc import Iterator

import pytest

from cluster.kube import CHART, Namespace, run

DEFINITIONS = ("brewsagas.brewsaga.dev", "sagaexperiments.brewsaga.dev")
OPTIONS = ("-f", str(CHART / "ci" / "external-values.yaml"), "--set", "operator.enabled=false")
OWNER = ("meta.helm.sh/release-name", "meta.helm.sh/release-namespace")


def apply(manager: str) -> None:
    """Let the definitions be there, as helm or kubectl writes them."""
    files = (f"templates/crds/{name.partition('.')[0]}.yaml" for name in DEFINITIONS)
    shown = [word for file in files for word in ("--show-only", file)]
    rendered = run("helm", "template", "brewsaga", str(CHART), *shown)
    command = ("kubectl", "apply", "--server-side", "--force-conflicts", "-f", "-")
    run(*command, f"--field-manager={manager}", stdin=rendered)


def made() -> Iterator[Namespace]:
    name = f"brewsaga-definitions-{uuid.uuid4().hex[:8]}"
    run("kubectl", "create", "namespace", name)
    yield Namespace(name)
    run("kubectl", "delete", "namespace", name, "--wait=false")


@pytest.fixture
def here() -> Iterator[Namespace]:
    yield from made()


@pytest.fixture
def beside() -> Iterator[Namespace]:
    yield from made()


def install(space: Namespace) -> str:
    """As a person does; what the notes say."""
    space.deploy(*OPTIONS, wait=False)
    return space.helm("get", "notes", space.release)


def written(space: Namespace) -> bool:
    """Whether the definitions are the release's to write."""
    manifest = space.helm("get", "manifest", space.release)
    found = [name in manifest for name in DEFINITIONS]
    assert len(set(found)) == 1
    return found[0]


def test_a_release_that_comes_back_has_its_definitions_again(here: Namespace) -> None:
    apply("helm")
    _own("brewsaga", here.name)
    for _ in range(2):
        notes = install(here)
        assert written(here)
        assert "were there before" not in notes
        here.helm("uninstall", here.release)
        run("kubectl", "get", "crd", *DEFINITIONS)


def test_a_release_beside_another_uses_its_definitions(here: Namespace, beside: Namespace) -> None:
    apply("helm")
    _own("brewsaga", here.name)
    notes = install(beside)
    assert not written(beside)
    assert f"{DEFINITIONS[0]} of {here.name}/brewsaga" in notes


def test_what_nobody_owns_is_used_and_can_be_taken_over(here: Namespace) -> None:
    apply("kubectl")
    _own(None, None)
    notes = install(here)
    assert not written(here)
    assert f"{DEFINITIONS[1]} of nobody" in notes
    steps = notes.partition("To make them this release's")[2].replace("\\\n", " ").split("\n")
    commands = [line.strip() for line in steps if line.strip().startswith("kubectl ")]
    for command in commands[:2]:
        run(*command.split())
    here.helm("upgrade", here.release, str(CHART), *OPTIONS, "--force-conflicts")
    assert written(here)
    assert "were there before" not in here.helm("get", "notes", here.release)


def _own(release: str | None, namespace: str | None) -> None:
    """Let the definitions belong to a release as helm marks it, or to nobody."""
    owner = dict(zip(OWNER, (release, namespace), strict=True))
    manager = None if release is None else "Helm"
    marks = {"annotations": owner, "labels": {"app.kubernetes.io/managed-by": manager}}
    for name in DEFINITIONS:
        change = json.dumps({"metadata": marks})
        run("kubectl", "patch", "crd", name, "--type", "merge", "-p", change)
