"""`brewsaga chaos` against a kubectl that answers from a file."""

import json
from pathlib import Path

import pytest

from brewsaga import chaos
from brewsaga.errors import CommandError, Exit

KUBECTL = """#!/bin/sh
echo "$@" >> {folder}/asked
case "$*" in
  *missing*) echo 'Error from server (NotFound): sagaexperiments "missing" not found' >&2; exit 1;;
  *create*) cat {folder}/made.json;;
  *) cat {folder}/body.json;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    made = {"kind": "SagaExperiment", "metadata": {"name": "x", "namespace": "n"}}
    (tmp_path / "made.json").write_text(json.dumps(made))
    (tmp_path / "x.yaml").write_text("")
    return tmp_path


def answers(folder: Path, verdict: str, phase: str = "Finished") -> None:
    probe = {"name": "p", "measured": 5, "failed": 1, "errors": 0, "firstFailureAfter": "2.0s"}
    status = {"phase": phase, "verdict": verdict, "message": "why", "probes": [probe]}
    (folder / "body.json").write_text(json.dumps({"status": status}))


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ("Pass", Exit.COMPLETED),
        ("Fail", Exit.NEEDS_A_PERSON),
        ("Inconclusive", Exit.TIMED_OUT),
        ("Error", Exit.ERROR),
        ("Aborted", Exit.ERROR),
    ],
)
def test_a_run_ends_with_its_verdict(
    folder: Path, verdict: str, code: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(folder, verdict)
    assert chaos.run(str(folder / "x.yaml"), "n", 5, wait=True) == code
    said = capsys.readouterr()
    assert f"VERDICT experiment=x verdict={verdict} why" in said.out
    assert "PROBE name=p measured=5 failed=1 errors=0 first_failure_after=2.0s" in said.out
    assert "FINISHED experiment=x" in said.err


def test_no_verdict_in_time_is_said(folder: Path) -> None:
    answers(folder, "Awaited", "Running")
    with pytest.raises(CommandError, match="no verdict after 0 s"):
        chaos.run(str(folder / "x.yaml"), "", 0, wait=True)


def test_a_stop_is_a_patch(folder: Path) -> None:
    answers(folder, "Awaited")
    assert chaos.stop("x", "n") is Exit.COMPLETED
    asked = (folder / "asked").read_text()
    assert asked.startswith("--namespace n patch sagaexperiments.brewsaga.dev x --type=merge")
    assert '"abort": true' in asked


def test_what_is_not_there_is_said_so(folder: Path) -> None:
    with pytest.raises(CommandError) as refused:
        chaos.verdict("missing", "")
    assert refused.value.code is Exit.NOT_FOUND
    with pytest.raises(CommandError, match="no file"):
        chaos.run("nowhere.yaml", "", 5, wait=True)


def test_without_kubectl_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CommandError, match="kubectl is not on PATH"):
        chaos.list_all("")
