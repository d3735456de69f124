"""What an experiment may do and what it comes to: each verdict is seen to need its cause."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from brewsaga_operator.experiment import (
    MEASURED,
    Experiment,
    Measurement,
    Rails,
    Rival,
    blind,
    broken,
    choose,
    goes_first,
    judged,
    noted,
    refusal,
    unseen,
    verdict,
    with_conditions,
)
from brewsaga_operator.names import CHAOS_ALLOWED, CHAOS_LABEL
from brewsaga_operator.resources import ExperimentSpec, Probe, Target
from brewsaga_operator.statuses import (
    ExperimentPhase,
    ExperimentStatus,
    ProbeStatus,
    TargetState,
    TargetStatus,
    Verdict,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALL = Rails(enabled=True, broker_kill=True, database_kill=True)
OPTED_IN = {CHAOS_LABEL: CHAOS_ALLOWED}
SEEN = [phase.value for phase in MEASURED]


def spec(**more: Any) -> ExperimentSpec:
    given = {"target": {"service": "payment"}, "fault": {"type": "Pause"}, **more}
    return ExperimentSpec.model_validate(given)


def probe(**more: Any) -> ProbeStatus:
    return ProbeStatus(**{"name": "promises", "measured": 5, "measured_in": SEEN, **more})


def struck(state: TargetState, **more: Any) -> TargetStatus:
    return TargetStatus(**{"name": "pod-1", "undo": "", "state": state, "injected": True, **more})


def status(*probes: ProbeStatus, **more: Any) -> ExperimentStatus:
    targets = [struck(TargetState.RECOVERED)]
    given = {"phase": ExperimentPhase.FINISHED, "targets": targets, **more}
    return ExperimentStatus(probes=list(probes) or [probe()], **given)


# ---------------------------------------------------------------- whether it may


@pytest.mark.parametrize(
    ("fault", "rails", "labels", "said"),
    [
        ("Pause", Rails(False, True, True), OPTED_IN, "operator.chaos.enabled"),
        ("Pause", ALL, {}, "kubectl label namespace"),
        ("Pause", ALL, {CHAOS_LABEL: "no"}, "kubectl label namespace"),
        ("BrokerKill", Rails(True, False, True), OPTED_IN, "operator.chaos.brokerKill"),
        ("DatabaseKill", Rails(True, True, False), OPTED_IN, "operator.chaos.databaseKill"),
    ],
)
def test_what_is_not_allowed_is_refused_with_the_next_step(
    fault: str, rails: Rails, labels: dict[str, str], said: str
) -> None:
    why = refusal(spec(fault={"type": fault}), rails, labels)
    assert why is not None
    assert said in why
    assert refusal(spec(fault={"type": fault}), ALL, OPTED_IN) is None


def test_one_at_a_time_whoever_has_begun_then_the_oldest() -> None:
    def rival(name: str, age: int, phase: ExperimentPhase) -> Rival:
        return Rival(NOW - timedelta(seconds=age), name, name, phase)

    old = rival("old", 9, ExperimentPhase.PENDING)
    young = rival("young", 1, ExperimentPhase.PENDING)
    begun = rival("begun", 1, ExperimentPhase.RUNNING)
    over = rival("over", 99, ExperimentPhase.FINISHED)
    assert goes_first("old", [young, over, old]) is None
    assert goes_first("young", [young, over, old]) == "old"
    assert goes_first("old", [young, over, old, begun]) == "begun"
    assert goes_first("begun", [young, over, old, begun]) is None


@pytest.mark.parametrize(
    ("target", "struck"),
    [
        ({"mode": "One"}, ["a"]),
        ({"mode": "All"}, ["a", "b", "c"]),
        ({"mode": "FixedPercent", "percent": 34}, ["a", "b"]),
        ({"mode": "FixedPercent", "percent": 1}, ["a"]),
    ],
)
def test_who_is_struck_is_always_the_same(target: dict[str, Any], struck: list[str]) -> None:
    wanted = Target.model_validate({"service": "payment", **target})
    assert choose(["c", "a", "b"], wanted) == struck
    assert choose([], wanted) == []


# ---------------------------------------------------------------- what was measured


@pytest.mark.parametrize(
    ("value", "failure", "error"),
    [
        (5.0, None, None),
        (0.5, "at least 1", None),
        (11.0, "at most 10", None),
        (float("nan"), None, "nan"),
    ],
)
def test_a_value_against_its_bounds(value: float, failure: str | None, error: str | None) -> None:
    seen = judged(Probe(name="p", type="PromQL", query="up", min=1, max=10), value)
    assert (failure or "") in (seen.failure or "")
    assert (seen.failure is None) is (failure is None)
    assert (error or "") in (seen.error or "")
    assert (seen.error is None) is (error is None)


def test_the_first_failure_is_kept_with_its_time() -> None:
    on = ExperimentPhase.RUNNING
    first = noted(ProbeStatus(name="p"), Measurement("1", "too low"), on, timedelta(seconds=2))
    second = noted(first, Measurement("0", "lower"), on, timedelta(seconds=9))
    assert (second.failed, second.measured) == (2, 2)
    assert (second.first_failure, second.first_failure_after) == ("too low", "2.0s")
    assert second.measured_in == ["Running"]


def test_errors_count_in_a_row() -> None:
    away = Measurement(error="refused")
    twice = noted(noted(ProbeStatus(name="p"), away, MEASURED[0], None), away, MEASURED[0], None)
    assert (twice.errors, twice.errors_in_a_row, twice.measured) == (2, 2, 0)
    again = noted(twice, Measurement("1"), MEASURED[0], None)
    assert (again.errors, again.errors_in_a_row) == (2, 0)


# ---------------------------------------------------------------- what it came to


def test_pass_says_its_numbers() -> None:
    end = verdict(spec(), status(recovered_after="1.2s"), [])
    assert end.verdict is Verdict.PASS
    assert "5 measurements, 0 out of bounds" in end.message
    assert "no saga open 1.2s after" in end.message


@pytest.mark.parametrize(
    ("found", "open_sagas", "expected", "said"),
    [
        (status(probe(failed=1, first_failure="saga s-1")), [], Verdict.FAIL, "saga s-1"),
        (status(), ["s-7"], Verdict.FAIL, "s-7"),
        (
            status(targets=[struck(TargetState.INJECTED)]),
            [],
            Verdict.FAIL,
            "not recovered: pod-1",
        ),
        (status(probe(errors_in_a_row=4)), [], Verdict.INCONCLUSIVE, "4 times in a row"),
        (status(probe(measured_in=SEEN[:1])), [], Verdict.INCONCLUSIVE, "Running, Verifying"),
        (status(), None, Verdict.INCONCLUSIVE, "order service"),
        (
            status(targets=[struck(TargetState.RECOVERED, injected=False, message="no answer")]),
            [],
            Verdict.ERROR,
            "pod-1 could not be struck: no answer",
        ),
        (status(aborted=True), [], Verdict.ABORTED, "1 of 1 targets recovered"),
        (status(probe(failed=1, errors_in_a_row=9)), None, Verdict.FAIL, "failed 1 of 5"),
    ],
)
def test_a_verdict_needs_its_cause(
    found: ExperimentStatus, open_sagas: list[str] | None, expected: Verdict, said: str
) -> None:
    end = verdict(spec(), found, open_sagas)
    assert end.verdict is expected
    assert said in end.message


def test_what_is_borne_is_borne() -> None:
    borne = {"name": "promises", "type": "Invariant", "failureLimit": 1, "errorLimit": 1}
    lenient = spec(probes=[borne])
    assert broken(lenient, [probe(failed=1)]) is None
    assert broken(lenient, [probe(failed=2)]) is not None
    assert blind(lenient, [probe(errors_in_a_row=1)]) is None
    assert blind(lenient, [probe(errors_in_a_row=2)]) is not None
    assert unseen([probe()]) is None


def conditions(found: ExperimentStatus) -> dict[str, str]:
    it = Experiment("x", "n", "u", 3, NOW, spec(), ExperimentStatus())
    told = with_conditions(it, found, NOW)
    assert told.observed_generation == 3
    return {one.type: one.status.value for one in told.conditions}


def test_the_conditions_follow_from_the_rest() -> None:
    passed = conditions(status(verdict=Verdict.PASS))
    assert set(passed.values()) == {"True"}
    assert len(passed) == 6
    waiting = conditions(ExperimentStatus())
    assert waiting["Complete"] == "False"
    assert set(waiting.values()) == {"False", "Unknown"}
    without = conditions(status(targets=[], verdict=Verdict.ERROR))
    assert (without["TargetsSelected"], without["AllInjected"]) == ("False", "False")
    failed = conditions(status(probe(failed=1), verdict=Verdict.FAIL))
    assert (failed["SteadyStateAfter"], failed["Complete"]) == ("False", "True")
