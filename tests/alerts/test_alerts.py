"""Each alert fires and stays silent, is seen to be tested, and has a page for who is woken."""

import re
from pathlib import Path

import pytest
import typer

from alerts.blocks import ROOT, RULES, asking, blocks, expression
from alerts.prometheus import judged
from brewsaga.__main__ import app
from saga import metrics

HERE = Path(__file__).parent
ALERTS = blocks("alert")
RUNBOOKS = ROOT / "docs/runbooks"
SECTIONS = ("## What it means", "## What to look at", "## What to type", "## What not to do")
SUFFIXES = ("_bucket", "_sum", "_count")
NAME = re.compile(r"\bbrewsaga_\w+")


def test_the_file_is_read_whole() -> None:
    text = RULES.read_text()
    assert len(ALERTS) + len(blocks("record")) == text.count("        expr:")
    assert len(ALERTS) == 12


@pytest.mark.parametrize("alert", ALERTS)
def test_it_fires_and_stays_silent(alert: str) -> None:
    told = judged(HERE / f"{alert}.yaml")
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("alert", ALERTS)
@pytest.mark.parametrize("instead", ["vector(0) > 1", "vector(1)"])
def test_its_test_sees_one_that_never_fires_and_one_that_always_does(
    alert: str, instead: str, tmp_path: Path
) -> None:
    text = RULES.read_text()
    (tmp_path / "alerts.yaml").write_text(
        text.replace(ALERTS[alert], asking(ALERTS[alert], instead))
    )
    test = (HERE / f"{alert}.yaml").read_text()
    altered = re.sub(r"rule_files: .*", "rule_files: [alerts.yaml]", test)
    (tmp_path / "test.yaml").write_text(altered)
    told = judged(tmp_path / "test.yaml")
    assert told.returncode != 0
    assert "FAILED" in told.stdout + told.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_it_is_tested_both_ways_and_for_itself(alert: str) -> None:
    text = (HERE / f"{alert}.yaml").read_text()
    assert "exp_alerts: []" in text
    assert "exp_alerts:\n" in text
    assert set(re.findall(r"alertname: (\w+)", text)) == {alert}


def test_every_metric_is_in_the_register() -> None:
    recorded = set(blocks("record"))
    declared = {f"brewsaga_{one.name}" for one in metrics.EVERY}
    for rule, block in (ALERTS | blocks("record")).items():
        asked = expression(block)
        for name in recorded:
            asked = asked.replace(name, "")
        used = {_family(name) for name in NAME.findall(asked)}
        assert used <= declared, f"{rule}: {used - declared}"


def _family(name: str) -> str:
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


@pytest.mark.parametrize("alert", ALERTS)
def test_who_is_woken_finds_a_page(alert: str) -> None:
    assert f"runbook_url: docs/runbooks/{alert}.md\n" in ALERTS[alert]
    assert re.search(r"severity: (page|ticket)\n", ALERTS[alert])
    page = (RUNBOOKS / f"{alert}.md").read_text()
    assert page.startswith(f"# {alert}\n")
    places = [page.find(section) for section in SECTIONS]
    assert -1 not in places
    assert places == sorted(places)


def test_every_page_has_its_alert() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_what_a_page_says_to_type_can_be_typed(alert: str) -> None:
    page = (RUNBOOKS / f"{alert}.md").read_text()
    typed = re.findall(r"^brewsaga (\S+)([^#\n]*)", page, re.MULTILINE)
    assert "```" in page.partition("## What to type")[2].partition("\n## ")[0], "nothing to type"
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    names = {one.name for one in metrics.EVERY}
    for command, arguments in typed:
        assert command in known, command
        options = {name for one in known[command].params for name in one.opts}
        assert set(re.findall(r"--?\w[\w-]*", arguments)) <= options, arguments
        if command == "metrics":
            assert set(arguments.split()) <= names, arguments
