"""Each panel can be read by who is woken: a title, a unit, a question that the register answers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brewsaga import dashboards
from brewsaga.dashboards.grafana import COLUMNS, PANEL_HEIGHT
from saga import metrics
from sagakit.shell.metrics import Declaration

ROOT = Path(__file__).parents[3]
RULES = ROOT / "helm/brewsaga/files/alerts.yaml"
BOARDS = {board["uid"]: board for board in dashboards.boards()}
DECLARED = {f"brewsaga_{one.name}": one for one in metrics.EVERY}
RECORDED = set(re.findall(r"record: (\S+)", RULES.read_text()))
ASKED = re.compile(r"(?<![\w:])((?:\w+:)?brewsaga_[\w:]+)(?:\{([^}]*)\})?")
SUFFIXES = ("_bucket", "_sum", "_count")
OVER_TIME = re.compile(r"\b(?:rate|irate|increase|delta|\w+_over_time)\(")


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def questions(board: dict[str, Any]) -> Iterator[str]:
    for panel in panels(board):
        yield from (target["expr"] for target in panel["targets"] if "expr" in target)
    yield from (one["expr"] for one in board["annotations"]["list"])


def declared(name: str) -> Declaration | None:
    if name in DECLARED:
        return DECLARED[name]
    for suffix in SUFFIXES:
        found = DECLARED.get(name.removesuffix(suffix))
        if name.endswith(suffix) and found is not None and found.kind == "histogram":
            return found
    return None


def test_there_are_five_and_sagas_per_step_is_the_first() -> None:
    assert len(BOARDS) == 5
    assert next(iter(BOARDS.values()))["title"].endswith("Sagas per step")
    assert len({board["title"] for board in BOARDS.values()}) == 5


@pytest.mark.parametrize("uid", BOARDS)
def test_every_question_is_one_that_the_register_can_answer(uid: str) -> None:
    asked = [found for question in questions(BOARDS[uid]) for found in ASKED.findall(question)]
    assert asked
    for name, selector in asked:
        if name in RECORDED:
            continue
        known = declared(name)
        assert known is not None, f"{name} is not in the register, nor recorded"
        labels = set(re.findall(r"(\w+)=", selector)) - {"le"}
        assert labels <= set(known.labels), f"{name} has no {labels - set(known.labels)}"


@pytest.mark.parametrize("uid", BOARDS)
def test_a_question_over_time_fits_the_scrape_interval_whatever_it_is(uid: str) -> None:
    for question in questions(BOARDS[uid]):
        bare = re.sub(r'"[^"]*"', "", question)
        over_time = len(OVER_TIME.findall(bare))
        assert bare.count("[$__rate_interval]") == over_time == bare.count("["), question


@pytest.mark.parametrize("uid", BOARDS)
def test_every_panel_says_what_it_is_and_asks_a_source_that_people_choose(uid: str) -> None:
    board = BOARDS[uid]
    chosen = {one["name"]: one for one in board["templating"]["list"]}
    assert {"datasource", "mode", "step", "service"} <= set(chosen)
    titles = [panel["title"] for panel in panels(board)]
    for panel in panels(board):
        assert panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        for source in (panel["datasource"], *(one["datasource"] for one in panel["targets"])):
            name = re.fullmatch(r"\$\{(\w+)\}", source["uid"])
            assert name, source
            assert (
                chosen[name[1]] | {"type": "datasource", "query": source["type"]}
                == (chosen[name[1]])
            )
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    doubled = {title for title in titles if titles.count(title) > 1}
    assert not doubled or uid == "brewsaga-modes", "only two columns have panels alike"
    (annotation,) = board["annotations"]["list"]
    assert "brewsaga_chaos_active" in annotation["expr"]


@pytest.mark.parametrize("uid", BOARDS)
def test_what_is_chosen_counts(uid: str) -> None:
    """A variable that is asked for exists."""
    board = BOARDS[uid]
    known = {one["name"] for one in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"])))
    assert {name for name in used if not name.startswith("__")} - {"1"} <= known


@pytest.mark.parametrize("uid", BOARDS)
def test_no_panel_lies_on_another(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARDS[uid]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        assert place["h"] in (1, PANEL_HEIGHT)
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in BOARDS[uid]["panels"]]
    assert len(set(ids)) == len(ids)
    widths: dict[int, int] = {}
    for panel in panels(BOARDS[uid]):
        top = panel["gridPos"]["y"]
        widths[top] = widths.get(top, 0) + panel["gridPos"]["w"]
    assert set(widths.values()) == {COLUMNS}, "a hole in a row"


def test_every_metric_is_on_some_dashboard_or_in_some_rule() -> None:
    """What is counted and never looked at costs and tells nobody anything."""
    text = "\n".join(question for board in BOARDS.values() for question in questions(board))
    shown = {name for name in DECLARED if name in text + RULES.read_text()}
    assert set(DECLARED) == shown
