"""What is written again on purpose, or by necessity, has every service and step of the contract.

The audit's tables stay its own: it believes no service. But a store that it does not read, or a
package that no arrow guards, is noticed by nobody. Each message names the file to be changed.
"""

import tomllib
from itertools import product
from typing import Any

import pytest

from architecture.sources import ROOT
from brewsaga.audit import ends, messages, outbox, stores
from orchestrator.brew import FLOWS
from saga.contract import DATABASES, PARTICIPANTS, STEP_BY_STATE, STEP_NAMES, Mode
from sagakit.core.steps import FAILED

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
ARROWS: dict[str, Any] = PROJECT["importlinter"]


@pytest.mark.parametrize("service", DATABASES)
def test_a_service_has_a_package_and_a_schema(service: str) -> None:
    assert (ROOT / "services" / service / "__main__.py").is_file()
    assert list((ROOT / "db" / service).glob("*.sql")), f"db/{service} has no schema"
    packages = PROJECT["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert f"services/{service}" in packages, "add it to the wheel's packages in pyproject.toml"
    assert service in ARROWS["root_packages"], "add it to root_packages in pyproject.toml"


@pytest.mark.parametrize("arrow", ARROWS["contracts"], ids=lambda arrow: arrow["name"])
def test_an_arrow_that_names_a_service_names_them_all(arrow: dict[str, Any]) -> None:
    for key in ("modules", "source_modules", "forbidden_modules"):
        absent = set(DATABASES) - set(arrow.get(key, ()))
        assert absent in (set(), set(DATABASES)), f"add {absent} to {key} in pyproject.toml"


def test_the_makefile_runs_each_participant_in_each_mode() -> None:
    targets = (ROOT / "Makefile").read_text()
    for service, mode in product(PARTICIPANTS, Mode):
        assert f"\nrun-{service}-{mode}: " in targets, f"add run-{service}-{mode} to the Makefile"


def test_the_audit_reads_every_database_and_what_each_participant_did() -> None:
    assert set(stores.TABLES) == set(DATABASES), "change TABLES in audit/stores.py"
    assert {service for service, _ in outbox.EFFECTS} == set(PARTICIPANTS), "audit/outbox.py"
    assert set(messages.STORED) == set(PARTICIPANTS), "change STORED in audit/messages.py"
    deciding = {service for service, _ in messages.DECISIONS.values()}
    assert deciding == set(PARTICIPANTS), "change DECISIONS in audit/messages.py"
    main_tables = {table for table, _ in messages.STORED.values()}
    assert set(ends.PARTS) == main_tables, "change PARTS in audit/ends.py"


def test_the_audit_knows_every_step_of_the_orchestrator() -> None:
    replies = {f"{step}-reply" for step in STEP_NAMES}
    assert set(messages.REPLIES) == replies, "change REPLIES in audit/messages.py"
    awaited = {state.partition("_")[2] for state in STEP_BY_STATE}
    assert set(outbox.COMMANDS) == awaited, "change COMMANDS in audit/outbox.py"
    assert set(ends.LEGAL) == set(FLOWS), "LEGAL in audit/ends.py has every version of the flow"
    for version, flow in FLOWS.items():
        moves = {(source, target) for (source, _, _), target in flow.table.items()}
        moved = {(source, target) for source, target in moves if source != target}
        legal = moved | {("", flow.first), ("", FAILED)}
        assert legal == ends.LEGAL[version], "change LEGAL in audit/ends.py"
