"""What the loop counts, and how any metric is declared.

Plain data first, one registry a process built from it.

A service passes further declarations; observations come as (name, label values, value). A label set
that is known starts at 0, so that its first increase is seen as one. No id is ever a label.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from sagakit.core.deadletters import Reason

NAMESPACE: Final = "brewsaga"
SEVERAL: Final = "several"
"""The topic label where a batch of several topics held duplicates: the handler counts them
together."""

MODE_WORDS: Final = {"choreo": "choreography", "orch": "orchestration"}
"""Metrics use the long form of a mode."""

Kind = Literal["counter", "gauge", "histogram"]
LabelSet = tuple[str, ...]
PROCESSED: Final = ("ok", "duplicate", "retried", "dead_lettered")
"""What a message can come to, as `messages_processed_total` says it."""
SECONDS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One metric, named without its namespace. `known` are label sets that start at 0."""

    name: str
    kind: Kind
    help: str
    labels: LabelSet = ()
    buckets: tuple[float, ...] = SECONDS
    known: tuple[LabelSet, ...] = ()


_TOPIC = ("service", "topic")
LOOP: Final = (
    Declaration(
        "messages_processed_total",
        "counter",
        "Messages worked on. Duplicates of a batch with several topics are counted in addition.",
        (*_TOPIC, "outcome"),
    ),
    Declaration(
        "message_processing_seconds",
        "histogram",
        "From a batch's arrival in the process to its COMMIT; one sample a batch and topic.",
        (*_TOPIC, "outcome"),
    ),
    Declaration(
        "message_transit_seconds",
        "histogram",
        "From a message's Kafka timestamp to its arrival; one sample a batch and topic.",
        (*_TOPIC, "outcome"),
    ),
    Declaration(
        "dead_letters_total",
        "counter",
        "Messages put aside, with the cause.",
        (*_TOPIC, "reason"),
    ),
    Declaration(
        "late_events_total",
        "counter",
        "Messages that came too late to count; those of a batch with several topics together.",
        ("mode", "topic"),
    ),
    Declaration(
        "outbox_pending_messages",
        "gauge",
        "Outbox rows without an acknowledgement; read it by max, not by sum.",
        ("service",),
    ),
    Declaration(
        "outbox_oldest_pending_timestamp_seconds",
        "gauge",
        "When the oldest of them was written; absent while nothing is pending.",
        ("service",),
    ),
    Declaration(
        "outbox_published_total", "counter", "Outbox rows that Kafka acknowledged.", ("service",)
    ),
    Declaration(
        "outbox_delay_seconds",
        "histogram",
        "From COMMIT to Kafka's acknowledgement, a delay that was asked for included; one sample a "
        "collection of acknowledgements.",
        ("service",),
    ),
    Declaration(
        "store_collect_errors_total",
        "counter",
        "Gauges that could not be read from the database.",
        ("service",),
    ),
    Declaration("build_info", "gauge", "What runs here.", ("service", "version", "revision")),
)


def known_of_loop(service: str, mode: str, topics: Sequence[str]) -> Mapping[str, list[LabelSet]]:
    """The label sets that one handler's loop can count, by name; `mode` in its short form."""
    together = [*topics, SEVERAL] if len(topics) > 1 else list(topics)
    heard = [(service, topic) for topic in topics]
    return {
        "messages_processed_total": [
            *((*one, outcome) for one in heard for outcome in PROCESSED),
            *((service, topic, "duplicate") for topic in together),
        ],
        "message_processing_seconds": [(*one, "ok") for one in heard],
        "message_transit_seconds": [(*one, "ok") for one in heard],
        "dead_letters_total": [(*one, reason.value) for one in heard for reason in Reason],
        "late_events_total": [(MODE_WORDS[mode], topic) for topic in together],
    }


class Metrics:
    """Every metric of one process, in a registry of its own."""

    def __init__(self, declarations: Iterable[Declaration] = ()) -> None:
        # A second series a counter, which nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}
        self._unknown: set[str] = set()
        self._children: dict[tuple[str, LabelSet], Callable[[float], None]] = {}
        declared = {one.name: one for one in (*LOOP, *declarations)}
        for declaration in declared.values():
            self._metrics[declaration.name] = self._build(declaration)

    def _build(self, declared: Declaration) -> Counter | Gauge | Histogram:
        name, text, labels = f"{NAMESPACE}_{declared.name}", declared.help, declared.labels
        metric: Counter | Gauge | Histogram
        match declared.kind:
            case "counter":
                metric = Counter(name, text, labels, registry=self.registry)
            case "gauge":
                metric = Gauge(name, text, labels, registry=self.registry)
            case "histogram":
                metric = Histogram(
                    name, text, labels, registry=self.registry, buckets=declared.buckets
                )
            case _:
                assert_never(declared.kind)
        for values in declared.known:
            metric.labels(*values)
        return metric

    def begin(self, known: Mapping[str, Iterable[LabelSet]]) -> None:
        """Start further label sets at 0."""
        for name, sets in known.items():
            for labels in sets:
                self._metrics[name].labels(*labels)

    def observe(self, name: str, labels: Sequence[str], value: float) -> None:
        """Add to a counter, set a gauge, sample a histogram.

        An undeclared name is said once and then left out.
        """
        key = (name, tuple(labels))
        note = self._children.get(key) or self._child(*key)
        if note is not None:
            note(value)

    def observe_all(self, observations: Iterable[tuple[str, LabelSet, float]]) -> None:
        """Count what a tally has added up."""
        for name, labels, value in observations:
            self.observe(name, labels, value)

    def _child(self, name: str, labels: LabelSet) -> Callable[[float], None] | None:
        """Looked up once a label set: the library's own look-up costs more than the counting."""
        metric = self._metrics.get(name)
        if metric is None:
            if name not in self._unknown:
                self._unknown.add(name)
                log.warning("metric %r is not declared; declare it in the service's metrics", name)
            return None
        child = metric.labels(*labels) if labels else metric
        if isinstance(child, Counter):
            note: Callable[[float], None] = child.inc
        elif isinstance(child, Gauge):
            note = child.set
        else:
            note = child.observe
        self._children[name, labels] = note
        return note

    def drop(self, name: str, labels: Sequence[str]) -> None:
        """Take a series away: what is not pending has no age."""
        self._children.pop((name, tuple(labels)), None)
        try:
            self._metrics[name].remove(*labels)
        except KeyError:
            return
