"""Writes the CRDs from the models: `python -m brewsaga_operator.crd FOLDER [--check]`.

A structural schema is a small part of JSON Schema: references are written out, titles left out, and
what may be absent is simply not required. The rest of a CRD (columns, rules between fields, status)
is told here. It must not know a cluster.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from brewsaga_operator import names
from brewsaga_operator.resources import BrewSagaSpec, ExperimentSpec, rule
from brewsaga_operator.statuses import ExperimentStatus, SagaStatus

Schema = dict[str, Any]

DROPPED: Final = ("title", "discriminator")

HEAD: Final = """\
{{- /* Written by `make generate` from operator/brewsaga_operator; a test compares it. */ -}}
{{- if include "brewsaga.writesCrd" (dict "root" . "name" "NAME") }}
"""
TAIL: Final = "{{- end }}\n"
WIDTH: Final = 100


def structural(model: type[BaseModel]) -> Schema:
    """The model's schema as the API server takes it."""
    whole = model.model_json_schema(by_alias=True)
    plain: Schema = _plain(whole, whole.get("$defs", {}))
    return plain


def _plain(node: Any, known: Mapping[str, Schema]) -> Any:
    if isinstance(node, list):
        return [_plain(one, known) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: value for key, value in node.items() if key not in (*DROPPED, "$defs")}
    if "$ref" in node:
        named = known[node.pop("$ref").rpartition("/")[2]]
        return _plain({**named, **node}, known)
    if "anyOf" in node:
        (one,) = [each for each in node.pop("anyOf") if each != {"type": "null"}]
        return _plain({**one, **node}, known)
    if node.get("default", ...) is None:
        del node["default"]
    if "properties" in node:
        return _object(node, known)
    plain = {key: _plain(value, known) for key, value in node.items()}
    if plain.get("type") == "integer":
        plain["format"] = "int32"
    return plain


def _object(node: Schema, known: Mapping[str, Schema]) -> Schema:
    """A property may be called like a keyword (`title`, `type`), so properties go by themselves."""
    properties = {name: _plain(each, known) for name, each in node["properties"].items()}
    rest = {key: value for key, value in node.items() if key != "properties"}
    return {**_plain(rest, known), "properties": properties}


# ---------------------------------------------------------------- rules between fields


def immutable(spec: type[BaseModel], changeable: Iterable[str], instead: str) -> list[Schema]:
    """A rule a field: a rule on the field itself would not see it being added or taken away."""
    rules = []
    for name, field in spec.model_fields.items():
        if name in changeable:
            continue
        alias = field.alias or name
        optional = field.default is None
        check = f"self.{alias} == oldSelf.{alias}"
        if optional:
            check = f"has(self.{alias}) == has(oldSelf.{alias}) && (!has(self.{alias}) || {check})"
        rules.append(rule(check, f"{alias} cannot be changed: {instead}", fieldPath=f".{alias}"))
    return rules


def chaos_rules(at: str = "self") -> list[dict[str, str]]:
    """What the fields of an experiment must be to one another."""
    fault, target = f"{at}.fault", f"{at}.target"
    return [
        rule(
            f"({fault}.type == 'Delay') == has({fault}.delay)",
            "fault.delay is for Delay, which needs it, and for nothing else",
        ),
        rule(
            f"!{fault}.undo || {fault}.type == 'FailRate'",
            "fault.undo is for FailRate alone",
        ),
        rule(
            f"!has({fault}.peer) || {fault}.type == 'Partition'",
            "fault.peer is for Partition alone",
        ),
        rule(
            f"({target}.mode == 'FixedPercent') == has({target}.percent)",
            "target.percent is for mode FixedPercent, which needs it, and for nothing else",
        ),
        rule(
            f"{at}.probes.all(p, (p.type == 'PromQL') == has(p.query))",
            "a probe has a query where its type is PromQL, which needs it, and else none",
        ),
        rule(
            f"{at}.probes.all(p, p.type == 'PromQL' ? has(p.min) || has(p.max) "
            ": !has(p.min) && !has(p.max))",
            "a PromQL probe needs min or max; an Invariant probe has neither",
        ),
    ]


def once_only(field: str) -> dict[str, str]:
    """A wish that may be made and not taken back."""
    return rule(
        f"!oldSelf.{field} || self.{field}", f"{field} cannot be taken back", fieldPath=f".{field}"
    )


# ---------------------------------------------------------------- the two resources


def column(name: str, path: str, kind: str = "string", priority: int = 0) -> Schema:
    shown = {"name": name, "type": kind, "jsonPath": path}
    return {**shown, "priority": priority} if priority else shown


AGE: Final = column("Age", ".metadata.creationTimestamp", "date")


def brewsaga() -> Schema:
    """The CRD of BrewSaga."""
    spec = structural(BrewSagaSpec)
    rules: list[Schema] = [
        *immutable(BrewSagaSpec, {"cancel"}, "make another BrewSaga"),
        once_only("cancel"),
    ]
    spec["x-kubernetes-validations"] = rules
    spec["properties"]["chaos"]["x-kubernetes-validations"] = chaos_rules()
    columns = [
        column("Mode", ".spec.mode"),
        column("Phase", ".status.phase"),
        column("Step", ".status.currentStep"),
        column("Orders", ".spec.orders", "integer"),
        column("Done", ".status.counts.completed", "integer"),
        column("Comp", ".status.counts.compensated", "integer"),
        column("Rejected", ".status.counts.rejected", "integer"),
        column("Parked", ".status.counts.parked", "integer"),
        column("Verdict", ".status.verdict"),
        column("Duration", ".status.duration"),
        AGE,
        column("Reason", '.status.conditions[?(@.type=="Succeeded")].message', priority=1),
    ]
    name = {"kind": names.SAGA_KIND, "plural": names.SAGAS, "singular": "brewsaga"}
    selectable = [".spec.mode", ".status.phase"]
    return _crd({**name, "shortNames": ["brew"]}, spec, structural(SagaStatus), columns, selectable)


def experiment() -> Schema:
    """The CRD of SagaExperiment."""
    spec = structural(ExperimentSpec)
    spec["x-kubernetes-validations"] = [
        *immutable(ExperimentSpec, {"abort"}, "make another SagaExperiment"),
        once_only("abort"),
        *chaos_rules(),
    ]
    columns = [
        column("Fault", ".spec.fault.type"),
        column("Target", ".spec.target.service"),
        column("Phase", ".status.phase"),
        column("Verdict", ".status.verdict"),
        column("Duration", ".spec.duration"),
        AGE,
        column("Message", ".status.message", priority=1),
    ]
    name = {"kind": names.EXPERIMENT_KIND, "plural": names.EXPERIMENTS}
    name["singular"] = "sagaexperiment"
    selectable = [".spec.fault.type", ".status.phase", ".status.verdict"]
    return _crd(
        {**name, "shortNames": ["sx"]}, spec, structural(ExperimentStatus), columns, selectable
    )


def _crd(
    name: Schema, spec: Schema, status: Schema, columns: Sequence[Schema], selectable: Sequence[str]
) -> Schema:
    schema = {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }
    version = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": list(columns),
        "selectableFields": [{"jsonPath": path} for path in selectable],
    }
    spelled = {**name, "listKind": f"{name['kind']}List", "categories": ["sagas"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{name['plural']}.{names.GROUP}",
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "spec": {
            "group": names.GROUP,
            "names": spelled,
            "scope": "Namespaced",
            "versions": [version],
        },
    }


# ---------------------------------------------------------------- files


def written() -> dict[str, str]:
    """Each file's name and text, as templates of the chart."""
    found = {names.SAGAS: brewsaga(), names.EXPERIMENTS: experiment()}
    return {
        f"{name}.yaml": HEAD.replace("NAME", each["metadata"]["name"])
        + yaml.dump(each, sort_keys=False, width=WIDTH)
        + TAIL
        for name, each in found.items()
    }


def main(arguments: Sequence[str]) -> int:
    """Write the files, or say which differ from what is committed. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="brewsaga_operator.crd")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument(
        "--plain", action="store_true", help="print them, without the chart's switch"
    )
    asked = parser.parse_args(arguments)
    if asked.plain:
        yaml.dump_all([brewsaga(), experiment()], sys.stdout, sort_keys=False, width=WIDTH)
        return 0
    stale = [
        name
        for name, text in written().items()
        if not (asked.folder / name).is_file() or (asked.folder / name).read_text() != text
    ]
    if asked.check:
        if stale:
            sys.stderr.write(f"stale in {asked.folder}: {', '.join(stale)}; run make generate\n")
        return 1 if stale else 0
    asked.folder.mkdir(parents=True, exist_ok=True)
    for name, text in written().items():
        (asked.folder / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
