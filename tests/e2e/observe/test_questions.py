"""Every question of every panel and every recorded rule has an answer while orders flow."""

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from alerts.blocks import RULES, blocks, expression
from brewsaga import dashboards
from brewsaga.dashboards.grafana import POSTGRES
from brewsaga.stack import Stack
from e2e.observe.watched import EXPERIMENT, Prometheus, Watched, watched
from e2e.world import World, until
from saga import metrics
from saga.contract import Mode

FLOW_SECONDS: Final = 20.0
PAUSE_SECONDS: Final = 0.2
FAULTS: Final = (
    "",
    "payment=100",
    "inventory=100",
    "shipment=100;release=60",
    "shipment=0,delay:4s",
    "shipment=100;refund=60;refund=0,delay:2s",
)
VARIABLES: Final = {
    "$__rate_interval": "10s",
    "$mode": ".*",
    "$step": ".*",
    "$service": ".*",
}
MACROS: Final = (
    (r"\$__timeFilter\((\S+)\)", r"\1 > now() - interval '1 hour'"),
    (r"\$\{mode:regex\}", ".*"),
    (r"\$\{saga:sqlstring\}", "$1"),
)
SELECTOR: Final = re.compile(r"(?<![\w:])brewsaga_\w+(?:\{[^}]*\})?")


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each question of a panel, with the panel's name."""
    for board in dashboards.boards():
        for one in board["annotations"]["list"]:
            yield f"{board['title']}: {one['name']}", one
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield f"{board['title']}: {panel['title']}", target


def filled(question: str) -> str:
    for name, value in VARIABLES.items():
        question = question.replace(name, value)
    return question


async def flow(here: World) -> list[str]:
    """Orders of every kind in both modes for a while, and a message that nobody can read."""
    here.produce([(topic, 0, b"s-1", b"\xff\xff") for topic in ("choreo.order-requested",)])
    saga_ids: list[str] = []
    deadline = time.monotonic() + FLOW_SECONDS
    while time.monotonic() < deadline:
        saga_ids += await here.place(
            [
                {"mode": mode.value, "customer_id": "seen", "faults": faults}
                for mode in Mode
                for faults in FAULTS
            ]
        )
        await asyncio.sleep(PAUSE_SECONDS)
    return saga_ids


async def test_every_question_has_an_answer(stack: Stack, tmp_path: Path) -> None:
    # What was started is looked at 30 s before; here everything is 20 s old.
    rules = RULES.read_text().replace("offset 30s", "offset 3s")
    patient = {"RESAY_AFTER_SECONDS": "1", "CANARY_EVERY_SECONDS": "2"}
    async with watched(stack, tmp_path, rules, **patient) as here:
        here.operator.observe(metrics.CHAOS_ACTIVE, EXPERIMENT, 1.0)
        saga_ids = await flow(here.world)
        here.operator.observe(metrics.CHAOS_ACTIVE, EXPERIMENT, 0.0)
        await check_panels(here.prometheus)
        await check_rules(here.prometheus)
        await check_explorer(here, saga_ids)


async def check_panels(prometheus: Prometheus) -> None:
    questions = [(panel, filled(one["expr"])) for panel, one in panels() if "expr" in one]
    assert len(questions) > 50
    assert "$" not in "".join(question for _, question in questions).replace('"$1"', "")
    await all_answered(prometheus, questions)


async def check_rules(prometheus: Prometheus) -> None:
    """What is recorded is recorded, and what an alert looks at is there to be looked at."""
    questions = [(name, name) for name in blocks("record")]
    for alert, block in blocks("alert").items():
        questions += [(alert, one) for one in SELECTOR.findall(expression(block))]
    await all_answered(prometheus, questions)


async def all_answered(prometheus: Prometheus, questions: list[tuple[str, str]]) -> None:
    async def none_is_silent() -> bool:
        for asked in list(silent):
            if await prometheus.series(asked[1]):
                silent.remove(asked)
        return not silent

    silent = list(dict.fromkeys(questions))
    try:
        await until("every question has an answer", none_is_silent, 20.0)
    except AssertionError:
        raise AssertionError(f"no series: {silent}") from None


async def check_explorer(here: Watched, saga_ids: list[str]) -> None:
    """The same of the questions to Postgres, with what Grafana puts into them."""
    questions = [
        (panel, one["rawSql"]) for panel, one in panels() if one["datasource"]["type"] == POSTGRES
    ]
    assert len(questions) == 4
    choreographed = saga_ids[0]  # the first mode's first order
    for panel, question in questions:
        for macro, value in MACROS:
            question = re.sub(macro, value, question)  # noqa: PLW2901 - as Grafana fills it
        given = [choreographed] if "$1" in question else []
        if "RUNNING" in question:
            await here.world.place([{"mode": "choreo", "customer_id": "s", "faults": FAULTS[4]}])
        rows = await here.world.rows("order", question, *given)
        assert rows, panel
