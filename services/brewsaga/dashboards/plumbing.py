"""Plumbing: messages, handlers, outboxes and dead letters, a service at a time."""

from typing import Final

from brewsaga.dashboards.grafana import Dashboard, Panel, Query
from brewsaga.dashboards.questions import ANY_SERVICE, CHAOS, RATE, VARIABLES, quantile

_PROCESSED: Final = "brewsaga_messages_processed_total"

MESSAGES: Final = Panel(
    "Messages a second",
    "Messages that each service worked on.",
    "ops",
    (Query(f"sum by (service) (rate({_PROCESSED}{{{ANY_SERVICE}}}{RATE}))", "{{service}}"),),
    stacked=True,
)
ERRORS: Final = Panel(
    "Retried and put aside",
    "Messages that were tried again (a database that is away, an overtaken write), and dead "
    "letters.",
    "ops",
    (
        Query(
            "sum by (service, outcome) (rate("
            f'{_PROCESSED}{{{ANY_SERVICE}, outcome=~"retried|dead_lettered"}}{RATE}))',
            "{{service}} {{outcome}}",
        ),
    ),
)
DUPLICATES: Final = Panel(
    "Duplicates",
    "Messages that said what was known. Many of them: something is said again and again.",
    "ops",
    (
        Query(
            f'sum by (service) (rate({_PROCESSED}{{{ANY_SERVICE}, outcome="duplicate"}}{RATE}))',
            "{{service}}",
        ),
    ),
)
HANDLER: Final = Panel(
    "Handler p95",
    "From a batch's arrival in the process to its COMMIT. Seconds mean the database.",
    "s",
    (
        Query(
            quantile(0.95, "brewsaga_message_processing_seconds", ANY_SERVICE, "service"),
            "{{service}}",
        ),
    ),
)
TRANSIT: Final = Panel(
    "Transit p95",
    "From a message's Kafka timestamp to its arrival. Above the line TransitSlow fires.",
    "s",
    (
        Query(
            quantile(0.95, "brewsaga_message_transit_seconds", ANY_SERVICE, "service", "topic"),
            "{{service}} {{topic}}",
        ),
    ),
    alarm_above=5,
)
LAG: Final = Panel(
    "Lag",
    "How far behind the slowest messages of each service are (p99 of transit): a consumer group's "
    "lag as time, which is what a saga feels of it.",
    "s",
    (
        Query(
            quantile(0.99, "brewsaga_message_transit_seconds", ANY_SERVICE, "service"),
            "{{service}}",
        ),
    ),
)
LATE: Final = Panel(
    "Late events",
    "Messages that came too late to count, such as a reply after the end. They change nothing.",
    "ops",
    (Query(f"sum by (mode, topic) (rate(brewsaga_late_events_total{RATE}))", "{{topic}}"),),
)
PENDING: Final = Panel(
    "Outbox pending",
    "What is decided and not yet acknowledged by Kafka.",
    "short",
    (
        Query(
            f"max by (service) (brewsaga_outbox_pending_messages{{{ANY_SERVICE}}})",
            "{{service}}",
        ),
    ),
)
AGE: Final = Panel(
    "Outbox age",
    "How long the oldest of them waits. Above the line OutboxStalled fires. No line: none waits.",
    "s",
    (
        Query(
            "time() - max by (service) (brewsaga_outbox_oldest_pending_timestamp_seconds"
            f"{{{ANY_SERVICE}}})",
            "{{service}}",
        ),
    ),
    alarm_above=60,
)
DELAY: Final = Panel(
    "Outbox delay p95",
    "From COMMIT to Kafka's acknowledgement.",
    "s",
    (
        Query(
            quantile(0.95, "brewsaga_outbox_delay_seconds", ANY_SERVICE, "service"),
            "{{service}}",
        ),
    ),
)
PUBLISHED: Final = Panel(
    "Published a second",
    "Outbox rows that Kafka acknowledged.",
    "ops",
    (
        Query(
            f"sum by (service) (rate(brewsaga_outbox_published_total{{{ANY_SERVICE}}}{RATE}))",
            "{{service}}",
        ),
    ),
)
DEAD: Final = Panel(
    "Dead letters",
    "Put aside since the processes started, by cause.",
    "short",
    (
        Query(
            f"sum by (service, topic, reason) (brewsaga_dead_letters_total{{{ANY_SERVICE}}}) > 0",
            "{{service}} {{topic}}: {{reason}}",
        ),
    ),
    alarm_above=1,
)
BLIND: Final = Panel(
    "Gauges that could not be read",
    "A service whose database does not answer has no gauges: its figures are missing, not 0.",
    "ops",
    (
        Query(
            f"sum by (service) (rate(brewsaga_store_collect_errors_total{{{ANY_SERVICE}}}{RATE}))",
            "{{service}}",
        ),
    ),
    width=6,
)
CANARY: Final = Panel(
    "Canary",
    "How long ago a canary order came to its end. No line: none is placed.",
    "s",
    (
        Query(
            "time() - max by (mode) (brewsaga_canary_last_end_timestamp_seconds)",
            "{{mode}}",
        ),
    ),
    alarm_above=180,
    width=6,
)
VERSIONS: Final = Panel(
    "Versions",
    "What runs, and how many processes of it.",
    "short",
    (
        Query(
            f"count by (service, version, revision) (brewsaga_build_info{{{ANY_SERVICE}}})",
            shape="table",
        ),
    ),
    kind="table",
    rename=(("^Value.*", "processes"),),
    width=6,
)

AUDITED: Final = Panel(
    "Sagas judged a second",
    "By the live audit of each service, over its own rows. None for long: nothing is being judged.",
    "ops",
    (
        Query(
            f"sum by (service) (rate(brewsaga_sagas_audited_total{{{ANY_SERVICE}}}{RATE}))",
            "{{service}}",
        ),
    ),
    width=6,
)

PLUMBING: Final = Dashboard(
    "brewsaga-plumbing",
    "BrewSaga / Plumbing",
    "Messages, handlers, outboxes and dead letters of each service.",
    (
        ("Heard", (MESSAGES, ERRORS, DUPLICATES)),
        ("How fast", (HANDLER, TRANSIT, LAG)),
        ("Said", (PENDING, AGE, DELAY, PUBLISHED, LATE, DEAD)),
        ("What runs", (VERSIONS, CANARY, BLIND, AUDITED)),
    ),
    VARIABLES,
    CHAOS,
)
