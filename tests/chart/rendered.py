"""The chart as helm renders it, for each file of values that is kept in it."""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "brewsaga"
VALUES = (*sorted(CHART.glob("values*.yaml")), *sorted((CHART / "ci").glob("*-values.yaml")))
RANDOM = re.compile(r"(?<!kind: )\b(?=[A-Z0-9]*[a-z])(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{32}\b")
"""A word made by chance, another one at each rendering; a kind may be as long."""
DASHBOARD = re.compile(r"^(  brewsaga-\w+\.json: ).*$", re.MULTILINE)
ALERTS = re.compile(
    r"(?<=^kind: PrometheusRule\n)(.*?^spec:).*?(?=^---$|\Z)", re.MULTILINE | re.DOTALL
)


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["helm", *arguments], capture_output=True, text=True, check=False)


@cache
def text(values: Path) -> str:
    """What `helm template` says, random words told alike, without dashboards and alerts."""
    done = helm("template", "brewsaga", str(CHART), "--namespace", "brewsaga", "-f", str(values))
    assert done.returncode == 0, done.stderr
    told = DASHBOARD.sub(r'\1"{}"', RANDOM.sub("RANDOM", done.stdout))
    return ALERTS.sub(r"\1 {}\n", told)


@cache
def resources(values: Path) -> tuple[dict[str, Any], ...]:
    return tuple(one for one in yaml.safe_load_all(text(values)) if one)


def of_kind(values: Path, kind: str) -> dict[str, dict[str, Any]]:
    """Resources of a kind by name."""
    return {one["metadata"]["name"]: one for one in resources(values) if one["kind"] == kind}
