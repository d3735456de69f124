"""Counters are added up; samples are not."""

from sagakit.shell.metrics import Declaration, Metrics
from sagakit.shell.tally import Tally
from unit.observed import counts, samples


def test_a_label_set_is_one_observation_and_each_sample_its_own() -> None:
    tally = Tally()
    for seconds in (1.0, 2.0, 3.0):
        tally.counted("moves_total", "a", "b")
        tally.sampled("step_seconds", "a", value=seconds)
    tally.counted("moves_total", "a", "c")
    seen = tally.observations()
    assert counts(seen, "moves_total") == {("a", "b"): 3.0, ("a", "c"): 1.0}
    assert samples(seen, "step_seconds") == {("a",): [1.0, 2.0, 3.0]}


def test_metrics_take_it_whole() -> None:
    tally = Tally()
    for _ in range(3):
        tally.counted("moves_total", "a")
        tally.sampled("step_seconds", value=0.5)
    built = Metrics(
        [
            Declaration("moves_total", "counter", "Moves.", ("step",)),
            Declaration("step_seconds", "histogram", "Time.", buckets=(1.0,)),
        ]
    )
    built.observe_all(tally.observations())
    assert built.registry.get_sample_value("brewsaga_moves_total", {"step": "a"}) == 3.0
    assert built.registry.get_sample_value("brewsaga_step_seconds_count") == 3.0
    assert built.registry.get_sample_value("brewsaga_step_seconds_sum") == 1.5
