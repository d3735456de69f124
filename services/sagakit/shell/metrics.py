"""What the loop counts, and how any metric is declared.

Plain data first, one registry a process built from it.

A service passes further declarations; observations come as (name, label values, value). No id is
ever a label.
"""

import logging
from collections.abc import Iterable, Sequence
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
)

NAMESPACE: Final = "brewsaga"
SEVERAL: Final = "several"
"""The topic label where a batch of several topics held duplicates: the handler counts them
together."""

MODE_WORDS: Final = {"choreo": "choreography", "orch": "orchestration"}
"""Metrics use the long form of a mode."""

Kind = Literal["counter", "gauge", "histogram"]
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
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = SECONDS
    known: tuple[tuple[str, ...], ...] = ()


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
        "From COMMIT to Kafka's acknowledgement; one sample a collection of acknowledgements.",
        ("service",),
    ),
)


class Metrics:
    """Every metric of one process, in a registry of its own."""

    def __init__(self, declarations: Iterable[Declaration] = ()) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}
        self._unknown: set[str] = set()
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

    def observe(self, name: str, labels: Sequence[str], value: float) -> None:
        """Add to a counter, set a gauge, sample a histogram.

        An undeclared name is said once and then left out.
        """
        metric = self._metrics.get(name)
        if metric is None:
            if name not in self._unknown:
                self._unknown.add(name)
                log.warning("metric %r is not declared; declare it in the service's metrics", name)
            return
        child = metric.labels(*labels) if labels else metric
        if isinstance(child, Counter):
            child.inc(value)
        elif isinstance(child, Gauge):
            child.set(value)
        else:
            child.observe(value)

    def drop(self, name: str, labels: Sequence[str]) -> None:
        """Take a series away: what is not pending has no age."""
        try:
            self._metrics[name].remove(*labels)
        except KeyError:
            return
