"""What the chart has of the contract: topics, who says and hears them, groups. And its README.

The chart's topics, Kafka users and their rights come from the same list as the subscriptions of the
services. Starts nothing.
"""

import json
from pathlib import Path
from typing import Any, Final

from brewsaga.services_runner import SERVICES_FOLDER
from saga import contract
from saga.contract import Mode

CHART: Final = SERVICES_FOLDER.parent / "helm" / "brewsaga"
CONTRACT_FILE: Final = "files/contract.json"
README_FILE: Final = "README.md"
SCHEMA_FILE: Final = "values.schema.json"
BEGIN: Final = "<!-- generated: values -->"
END: Final = "<!-- end -->"
INDENT: Final = 2


def contract_text() -> str:
    """Names without the prefix, which is a value of the chart."""
    return json.dumps(_contract(), indent=INDENT) + "\n"


def _contract() -> dict[str, Any]:
    return {
        "topics": sorted(contract.all_topics("")),
        "auditGroup": contract.AUDIT_GROUP,
        "services": {service: _service(service) for service in sorted(contract.DATABASES)},
    }


def _service(service: str) -> dict[str, list[str]]:
    """What a service may do: write what it says, read what it hears, in its own groups."""
    modes = [mode for mode in Mode if contract.heard_by(service, mode)]
    said = [topic.name for mode in Mode for topic in contract.said_by(service, mode)]
    return {
        "says": said + [contract.dead_letter_topic("", service, mode) for mode in modes],
        "hears": [topic.name for mode in modes for topic in contract.heard_by(service, mode)],
        "groups": [contract.consumer_group("", service, mode) for mode in modes],
    }


def readme_text(chart: Path) -> str:
    """The chart's README with the table of its values, from their schema."""
    text = (chart / README_FILE).read_text(encoding="utf-8")
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        message = f"{chart / README_FILE} has no {BEGIN} … {END}; put both where the table shall be"
        raise ValueError(message)
    schema = json.loads((chart / SCHEMA_FILE).read_text(encoding="utf-8"))
    rows = "\n".join(f"| `{name}` | {what} |" for name, what in _rows(schema, schema, ""))
    return f"{before}{BEGIN}\n| value | what it is |\n|---|---|\n{rows}\n{END}{after}"


def _rows(schema: dict[str, Any], root: dict[str, Any], path: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, found in schema.get("properties", {}).items():
        one = _resolved(found, root)
        place = f"{path}.{name}" if path else name
        inner = _rows(one, root, place) if found.get("$ref") not in _TOLD_ONCE else []
        rows += [(place, _told(found, one))] if not inner or "description" in found else []
        rows += inner
    return rows


_TOLD_ONCE: Final = {"#/$defs/service", "#/$defs/resources"}
"""What each service has alike is told once, under `serviceDefaults`."""


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: dict[str, Any] = root["$defs"][reference.rpartition("/")[2]]
    return found


def _told(found: dict[str, Any], resolved: dict[str, Any]) -> str:
    text = str(found.get("description") or resolved.get("description", ""))
    if choices := resolved.get("enum"):
        text += f" ({', '.join(json.dumps(one) for one in choices)})"
    return text.replace("|", "\\|")


def described() -> dict[str, str]:
    """Each generated file of the chart and its text."""
    return {CONTRACT_FILE: contract_text(), README_FILE: readme_text(CHART)}
