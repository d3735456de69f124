"""What goes wrong, what happens then, and the test that proves it, in each mode: as data.

The README's table is written from here (`make generate`). A test of the architecture fails where a
row has no test in a mode, or names one that is not there. What is not proven yet says so.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Modes(Enum):
    """Which modes one test proves."""

    EACH = "a run a mode"
    TOGETHER = "both in one run, or what both stand on"
    CHOREO = "choreography"
    ORCH = "orchestration"


@dataclass(frozen=True, slots=True)
class Proof:
    """One test: the module under tests/, its name without `test_`, and the modes that it proves."""

    module: str
    test: str
    modes: Modes = Modes.EACH


@dataclass(frozen=True, slots=True)
class NotYet:
    """There is no test yet; `tried_by` is the command that has it happen, without a floor."""

    modes: Modes = Modes.TOGETHER
    tried_by: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One anomaly. `kind` is where it arises."""

    kind: str
    anomaly: str
    happens: str
    proofs: tuple[Proof | NotYet, ...]


OF_MESSAGES: Final = "e2e/holes/test_holes_of_messages.py"
OF_UNDO: Final = "e2e/holes/test_holes_of_undo.py"
OF_PROCESSES: Final = "e2e/holes/test_holes_of_processes.py"
KILL: Final = "e2e/test_kill.py"
AUDIT: Final = "e2e/test_audit.py"
POISON: Final = "e2e/test_poison.py"
MEMBERS: Final = "e2e/test_members.py"
ONE_FAULT: Final = "sim/test_one_fault.py"
INCIDENT: Final = "e2e/test_incident.py"
CRASH_POINTS: Final = "e2e/faults/test_crash_points.py"
SIEGE: Final = "e2e/faults/test_long.py"
LOOP: Final = "integration/test_loop.py"
WAITS: Final = "integration/test_loop_waits.py"
PARTICIPANTS: Final = "unit/test_participants.py"
ON_POSTGRES: Final = "integration/test_participants_on_postgres.py"
STORIES: Final = "unit/orchestrator/test_stories.py"
ONE_SAGA: Final = "model/test_one_saga.py"
VARIANTS: Final = "model/test_variants.py"
FUZZ: Final = "fuzz/test_fuzz.py"
EXPERIMENT: Final = "unit/brewsaga_operator/test_experiment.py"
FAULTS: Final = "unit/sagakit/test_faults.py"

TOGETHER, CHOREO, ORCH = Modes.TOGETHER, Modes.CHOREO, Modes.ORCH

MESSAGES: Final = "messages"
CRASHES: Final = "crashes"
DATABASE: Final = "the database"
KAFKA: Final = "Kafka"
ORDER_OF_THINGS: Final = "orchestrators, time, versions"
UNDOS: Final = "undos and cancels"
PLATFORM: Final = "Kubernetes and chaos"
LOAD: Final = "load"

ROWS: Final = (
    Row(
        MESSAGES,
        "a message comes twice",
        "the participant's row answers again what it said: nothing is done twice",
        (Proof(OF_MESSAGES, "placing_twice"), Proof(OF_UNDO, "release_told_twice")),
    ),
    Row(
        MESSAGES,
        "the same saga with another amount",
        "a dead letter with its cause, an alarm, and **no answer**; the partition goes on",
        (Proof(PARTICIPANTS, "another_amount_is_not_answered"),),
    ),
    Row(
        MESSAGES,
        "the undo comes before the do, the do after the undo",
        "the saga is fenced off: the do that comes later is refused, `void`",
        (Proof(OF_UNDO, "refund_before_the_charge"), Proof(ONE_SAGA, "a_stray_undo_is_fenced")),
    ),
    Row(
        MESSAGES,
        "a reply or an event comes after the end",
        "it is absorbed and counted: an end is never left",
        (
            Proof(OF_MESSAGES, "a_late_reply_after_the_end"),
            Proof(OF_MESSAGES, "a_late_refusal_after_success"),
        ),
    ),
    Row(
        MESSAGES,
        "a message is lost, or no longer kept when its hearer comes back",
        "what is awaited is said again from Postgres, for ever, ever more patiently",
        (
            Proof(OF_PROCESSES, "orders_placed_before_a_services_first_start"),
            Proof(OF_PROCESSES, "broker_wiped"),
        ),
    ),
    Row(
        MESSAGES,
        "what cannot be read, is too large, is null, or names an unknown action",
        "a dead letter with its cause; the partition goes on",
        (
            Proof(POISON, "poison_is_put_aside_and_every_partition_goes_on", TOGETHER),
            Proof(OF_MESSAGES, "a_reply_to_an_unknown_action", ORCH),
            Proof(FUZZ, "only_what_is_declared_is_raised", TOGETHER),
        ),
    ),
    Row(
        MESSAGES,
        "what can be read and is out of its bounds",
        "it is refused, and the refusal is stored: the saga ends",
        (Proof(PARTICIPANTS, "out_of_bounds_is_refused_and_stored"),),
    ),
    Row(
        MESSAGES,
        "a handler fails at one message every time",
        "bounded attempts, the batch is halved until it is found, a dead letter; the others flow",
        (Proof(LOOP, "what_cannot_be_handled_is_put_aside_and_the_rest_goes_on", TOGETHER),),
    ),
    Row(
        CRASHES,
        "a process dies before or after a commit or a publish, in an undo too",
        "state and messages were written in one transaction, or not at all; the next one goes on",
        (
            Proof(CRASH_POINTS, "whoever_dies_at_a_point_loses_nothing", TOGETHER),
            Proof(OF_PROCESSES, "payment_killed_in_a_batch_of_300"),
            Proof(OF_PROCESSES, "stopped_between_row_and_command"),
        ),
    ),
    Row(
        CRASHES,
        "it dies again while it recovers",
        "the same, once more",
        (Proof(CRASH_POINTS, "whoever_dies_again_while_it_recovers_loses_nothing", TOGETHER),),
    ),
    Row(
        CRASHES,
        "a message kills every process that handles it",
        "it is counted before work, and put aside after a few deaths",
        (Proof(LOOP, "a_message_that_kills_the_process_is_put_aside", TOGETHER),),
    ),
    Row(
        CRASHES,
        "SIGTERM in the middle of the work",
        "what is begun is finished and said; the next process goes on",
        (
            Proof(
                "e2e/upgrade/test_orchestration.py",
                "orders_end_on_the_definition_that_they_began_with",
                ORCH,
            ),
            Proof(MEMBERS, "stopped_in_the_middle_of_work", TOGETHER),
        ),
    ),
    Row(
        CRASHES,
        "one service, or all of them at once, are killed",
        "all comes back from Postgres, and every open order ends",
        (
            Proof(KILL, "services_are_killed", TOGETHER),
            Proof(OF_PROCESSES, "orchestrator_killed", ORCH),
        ),
    ),
    Row(
        DATABASE,
        "Postgres is killed, or every connection of the pool is dead",
        "nothing is consumed, offsets stay, the same batch again; no crash loop",
        (
            Proof(KILL, "postgres_is_killed", TOGETHER),
            Proof(LOOP, "a_lost_connection_means_the_same_batch_again", TOGETHER),
        ),
    ),
    Row(
        DATABASE,
        "the answer to COMMIT is lost",
        "the rows are read again by saga id; what was written is not written twice",
        (Proof(ONE_FAULT, "the_answer_to_a_commit_is_lost"),),
    ),
    Row(
        DATABASE,
        "another process was first",
        "a guard finds another row than was loaded: roll back, load and decide again",
        (
            Proof(LOOP, "a_conflict_means_the_same_batch_again", TOGETHER),
            Proof(ON_POSTGRES, "who_comes_second_is_told_so_and_writes_nothing", TOGETHER),
        ),
    ),
    Row(
        DATABASE,
        "a deadlock",
        "the whole batch again",
        (
            Proof(WAITS, "a_deadlock_means_the_same_batch_again", TOGETHER),
            Proof(ONE_FAULT, "a_deadlock_ends_a_batch"),
        ),
    ),
    Row(
        DATABASE,
        "the disk is full",
        "consuming stops until there is room",
        (Proof(WAITS, "a_full_disk_is_waited_for_and_puts_nothing_aside", TOGETHER),),
    ),
    Row(
        DATABASE,
        "a database is set back in time (restore, failover without sync)",
        "**not promised**: the audit lists where the stores disagree",
        (Proof(AUDIT, "what_is_planted_in_a_real_run_is_named_with_its_saga", TOGETHER),),
    ),
    Row(
        KAFKA,
        "the broker is killed",
        "orders are accepted into the outbox and go out when it is back",
        (
            Proof(KILL, "kafka_is_killed", TOGETHER),
            Proof(
                "integration/test_cluster.py",
                "a_record_has_three_copies_and_one_broker_may_die",
                TOGETHER,
            ),
        ),
    ),
    Row(
        KAFKA,
        "every topic is deleted, or all of Kafka is wiped",
        "it delays orders and loses none: each is said again and walks to where it broke",
        (
            Proof(KILL, "all_topics_are_deleted_and_created_again", TOGETHER),
            Proof(OF_PROCESSES, "broker_wiped"),
        ),
    ),
    Row(
        KAFKA,
        "a rebalance in a batch, a consumer frozen past its session, consumer groups deleted",
        "row guards decide; what is heard again changes nothing",
        (
            Proof(ONE_FAULT, "a_batch_is_given_to_two_members"),
            Proof(ONE_FAULT, "a_frozen_process_wakes_after_its_work_went_to_another"),
            Proof(ONE_FAULT, "a_group_hears_again_what_it_heard"),
            Proof(MEMBERS, "a_second_process_joins_works_and_is_killed", TOGETHER),
            Proof(MEMBERS, "consumer_groups_are_deleted", TOGETHER),
        ),
    ),
    Row(
        KAFKA,
        "services are killed, Postgres and the broker too, without a pause",
        "every order ends after the last heal",
        (Proof(SIEGE, "every_order_ends_whatever_fails", TOGETHER),),
    ),
    Row(
        ORDER_OF_THINGS,
        "two orchestrators at once, one paused for long",
        "the version guards the row, and the loser says nothing",
        (
            Proof(MEMBERS, "two_orchestrators_at_once_and_one_sleeps", ORCH),
            Proof(ONE_FAULT, "two_orchestrators_and_one_is_paused_for_long", ORCH),
        ),
    ),
    Row(
        ORDER_OF_THINGS,
        "a timer against the answer",
        "a timer only says again; either order is legal, in every reachable state",
        (Proof(VARIANTS, "the_search_finds_what_the_independent_model_found", TOGETHER),),
    ),
    Row(
        ORDER_OF_THINGS,
        "a process's clock is off by an hour",
        "times are the database's; no safety depends on any clock",
        (
            Proof(ON_POSTGRES, "a_delay_is_reckoned_from_the_databases_clock", TOGETHER),
            Proof(ONE_FAULT, "a_clock_is_off_by_up_to_an_hour"),
        ),
    ),
    Row(
        ORDER_OF_THINGS,
        "the flow's definition changes with sagas in flight",
        "each saga ends on the version that it began with; a choreography is drained first",
        (
            Proof("e2e/upgrade/test_choreography.py", "paused_drained_changed_resumed", CHOREO),
            Proof(
                "e2e/upgrade/test_orchestration.py",
                "orders_end_on_the_definition_that_they_began_with",
                ORCH,
            ),
            Proof("unit/orchestrator/test_histories.py", "a_recorded_run_comes_to_the_same", ORCH),
        ),
    ),
    Row(
        UNDOS,
        "a refund or a release is refused, or fails",
        "it is tried again until it is done; the saga stays open and visible",
        (Proof(OF_UNDO, "refund_refused"), Proof(OF_UNDO, "release_refused")),
    ),
    Row(
        UNDOS,
        "it fails ten times",
        "it is parked: not ended, alarmed, and waiting for a person",
        (
            Proof(PARTICIPANTS, "an_owed_undo_is_parked_and_waits_for_a_person", CHOREO),
            Proof(STORIES, "a_refused_refund_stays_says_nothing_and_parks", ORCH),
            Proof(ONE_SAGA, "what_is_parked_waits_for_a_person"),
        ),
    ),
    Row(
        UNDOS,
        "many are parked, and the cause has gone",
        "one `retry` with a filter tries them all again, within a cap; each is undone once",
        (
            Proof(INCIDENT, "the_drill", TOGETHER),
            Proof("integration/test_repairs.py", "what_is_retried_twice_is_refunded_once", CHOREO),
        ),
    ),
    Row(
        UNDOS,
        "both causes of a refund come",
        "one refund",
        (Proof(OF_UNDO, "both_causes_of_a_refund"),),
    ),
    Row(
        UNDOS,
        "a cancel meets the completion",
        "it counts until the shipment is decided, in choreography until payment is; one end",
        (
            Proof(PARTICIPANTS, "order_requested_with_cancel", CHOREO),
            Proof(STORIES, "a_cancel_loses_against_shipped", ORCH),
        ),
    ),
    Row(
        PLATFORM,
        "the operator dies between placing and status, a resource is deleted, the API server errs",
        "the same ids, no second order; the order goes on",
        (Proof("cluster/operator/test_crashes.py", "no_second_order", TOGETHER),),
    ),
    Row(
        PLATFORM,
        "whoever switched a fault on dies",
        "the fault itself expires",
        (Proof(FAULTS, "a_fault_ends_by_itself", TOGETHER),),
    ),
    Row(
        PLATFORM,
        "an experiment on a target that did not opt in",
        "it is refused",
        (Proof(EXPERIMENT, "what_is_not_allowed_is_refused_with_the_next_step", TOGETHER),),
    ),
    Row(
        LOAD,
        "more orders than may be open",
        "they are refused *before* acceptance (429), never after",
        (Proof("integration/test_order_rows.py", "too_much_in_flight_is_refused", TOGETHER),),
    ),
    Row(
        LOAD,
        "twice the rate that can be served",
        "at least 90 % of the peak goes through, and it is normal again within 60 s",
        (NotYet(tried_by="make overload"),),
    ),
)
