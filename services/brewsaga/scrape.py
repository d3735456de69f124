"""`brewsaga metrics`: what the services of this machine count now, without a Prometheus.

Reads what they answer; what a metric means stands in the register.
"""

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Final, Literal

import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel, Field

from brewsaga import render, targets
from brewsaga.errors import CommandError, Exit
from brewsaga.stack.config import data_folder
from brewsaga.targets import Target
from saga.metrics import EVERY
from sagakit.shell.metrics import NAMESPACE

TIMEOUT_SECONDS: Final = 3.0
NAMES: Final = tuple(one.name for one in EVERY)
COLUMNS: Final = ("metric", "labels", "value", "count", "from")


class MetricRow(BaseModel):
    """One series of one process. Of a histogram: how many samples, and their mean."""

    name: str = Field(description="without the namespace brewsaga_")
    kind: Literal["counter", "gauge", "histogram"]
    labels: dict[str, str]
    value: float = Field(description="a histogram's mean, in its unit; 0 without samples")
    count: int | None = Field(description="a histogram's samples; null for the others")
    target: str = Field(description="the process: its service and address")


async def metrics(names: Sequence[str], addresses: Sequence[str], output: str) -> Exit:
    """Print the series of these metrics (all without any) that are not 0."""
    wanted = {_known(name) for name in names}
    found = await _ask_all(_targets(addresses))
    rows = [row for row in found if not wanted or row.name in wanted]
    if output == "json":
        print(json.dumps([row.model_dump() for row in rows], indent=2))
        return Exit.COMPLETED
    shown = [row for row in rows if row.value or row.count]
    print("\n".join(render.table(COLUMNS, [_cells(row) for row in shown])))
    return Exit.COMPLETED


def _known(name: str) -> str:
    bare = name.removeprefix(f"{NAMESPACE}_")
    if bare not in NAMES:
        text = f"{name!r} is no metric of the register"
        raise CommandError(text, "brewsaga metrics, or read docs/metrics.md", Exit.NOT_FOUND)
    return bare


def _targets(addresses: Sequence[str]) -> list[Target]:
    found = [Target("", one) for one in addresses] or targets.known(data_folder())
    if not found:
        text = "no service that runs here is known"
        raise CommandError(text, "brewsaga up, or brewsaga metrics --target HOST:PORT")
    return found


async def _ask_all(asked: Iterable[Target]) -> list[MetricRow]:
    """Of all that answer; who does not is said on stderr."""
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        answers = await asyncio.gather(*(_ask(client, one) for one in asked))
    told = [rows for rows in answers if rows is not None]
    if not told:
        raise CommandError("no service answers", "brewsaga doctor")
    return [row for rows in told for row in rows]


async def _ask(client: httpx.AsyncClient, target: Target) -> list[MetricRow] | None:
    name = f"{target.service} {target.address}".strip()
    try:
        answer = await client.get(f"http://{target.address}/metrics")
        families = list(text_string_to_metric_families(answer.raise_for_status().text))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        print(f"{name} does not answer ({type(error).__name__})", file=sys.stderr)
        return None
    return [row for family in families for row in rows_of(family, name)]


def rows_of(family: Metric, target: str) -> list[MetricRow]:
    """The series of one metric of ours, in the order of the answer."""
    if not family.name.startswith(f"{NAMESPACE}_"):
        return []
    bare = family.name.removeprefix(f"{NAMESPACE}_")
    if family.type == "histogram":
        return _histogram_rows(family, bare, target)
    if family.type == "counter":
        return [
            MetricRow(
                name=f"{bare}_total",
                kind="counter",
                labels=one.labels,
                value=one.value,
                count=None,
                target=target,
            )
            for one in family.samples
            if one.name.endswith("_total")
        ]
    return [
        MetricRow(
            name=bare, kind="gauge", labels=one.labels, value=one.value, count=None, target=target
        )
        for one in family.samples
    ]


def _histogram_rows(family: Metric, bare: str, target: str) -> list[MetricRow]:
    sums = [one for one in family.samples if one.name.endswith("_sum")]
    counts = {
        tuple(one.labels.items()): one.value
        for one in family.samples
        if one.name.endswith("_count")
    }
    return [
        MetricRow(
            name=bare,
            kind="histogram",
            labels=one.labels,
            value=one.value / count if count else 0.0,
            count=int(count),
            target=target,
        )
        for one in sums
        for count in (counts[tuple(one.labels.items())],)
    ]


def _cells(row: MetricRow) -> tuple[object, ...]:
    labels = " ".join(f"{name}={value}" for name, value in row.labels.items())
    count = "" if row.count is None else str(row.count)
    return (row.name, labels, f"{row.value:.6g}", count, row.target)
