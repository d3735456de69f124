import multiprocessing
import signal

import pytest

from sagakit.shell import crash_points
from sagakit.shell.crash_points import Point, arm, reached
from sagakit.shell.ports import Record
from sagakit.shell.settings import KitSettings, Misconfigured, read

SURVIVED = 0
PASSED_MAX = 3


def _pass(told: str | None, point: Point, names: set[str]) -> None:
    arm(told)
    for _ in range(PASSED_MAX):
        reached(point, lambda: names)


@pytest.mark.parametrize(
    ("told", "dies"),
    [
        (None, False),
        ("", False),
        ("batch-committed", True),
        ("batch-decided", False),
        ("batch-committed@orch", True),
        ("batch-committed@orch.cup-cmd/s-1", True),
        ("batch-committed@orch.cup-cmd/s-2", False),
        ("batch-committed@orch#3", True),
        ("batch-committed@orch#4", False),
    ],
)
def test_dies_where_it_was_told_to_and_nowhere_else(told: str | None, dies: bool) -> None:
    names = {"orch", "orch.cup-cmd", "orch.cup-cmd/s-1"}
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_pass, args=(told, Point.BATCH_COMMITTED, names))
    process.start()
    process.join(30)
    assert process.exitcode == (-signal.SIGKILL if dies else SURVIVED)


@pytest.mark.parametrize(
    "told", ["nowhere", "given@", "given#0", "given#x", "given@a b", "Given", "given@a#1#2"]
)
def test_a_word_that_is_no_crash_point_is_refused_by_name(
    told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRASH_AT", told)
    with pytest.raises(Misconfigured, match=r"CRASH_AT: .* is not POINT.*batch-decided"):
        read(KitSettings)


def test_a_batch_is_known_by_mode_topic_and_key() -> None:
    records = [Record("orch.cup-cmd", 0, 7, b"s-1", b""), Record("orch.cup-cmd", 1, 7, None, b"")]
    assert crash_points.by_records("orch", records) == {
        "orch",
        "orch.cup-cmd",
        "orch.cup-cmd/s-1",
        "orch.cup-cmd/",
    }
