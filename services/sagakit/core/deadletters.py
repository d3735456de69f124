"""Why a message is put aside (rule 10). Pure; the words are stored, counted and shown to people."""

from enum import StrEnum


class Reason(StrEnum):
    """The cause of a dead letter, as the table, the metric and the repair verbs say it."""

    NULL_VALUE = "null_value"
    EMPTY = "empty"
    OVERSIZED = "oversized"
    UNDECODABLE = "undecodable"
    BAD_SAGA_ID = "bad_saga_id"
    UNKNOWN_ACTION = "unknown_action"
    CONTRADICTION = "contradiction"
    OTHER_MODE = "other_mode"
    HANDLER_ERROR = "handler_error"
    CRASH_LOOP = "crash_loop"


class Poison(Exception):  # noqa: N818 - named for what the caller does: dead-letter it
    """A message that can never be handled: it becomes a dead letter, and the partition goes on."""

    def __init__(self, reason: Reason, detail: str, saga_id: str | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.saga_id = saga_id
