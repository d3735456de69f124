"""Log lines: JSON for machines, text for people.

The only place that touches the logging configuration.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

FIELDS = ("saga_id", "mode", "step", "topic", "partition", "offset", "trace_id", "span_id")
"""What a line may carry besides its message, through `extra=`; other keys go into `extra={"fields":
{...}}`."""


def _fields(record: logging.LogRecord) -> dict[str, object]:
    found = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
    more = getattr(record, "fields", None)
    return {**found, **more} if isinstance(more, dict) else found


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Time in UTC, level, service, logger, message, then the fields."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """One line for a person, the fields at the end; what has parts of its own is for machines."""

    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        """As `logging` does it, with the fields."""
        shown = {name: of for name, of in _fields(record).items() if not isinstance(of, dict)}
        tail = " ".join(f"{name}={value}" for name, value in shown.items())
        return f"{super().format(record)} {tail}".rstrip()


def configure(service: str, log_format: Literal["json", "text"], level: str = "INFO") -> None:
    """Send everything to stderr (stdout is for data). Called once, by the process's entry point."""
    handler = logging.StreamHandler(sys.stderr)
    text = TextFormatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")
    handler.setFormatter(JsonFormatter(service) if log_format == "json" else text)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for talkative in ("asyncio", "uvicorn", "httpx", "httpcore"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    # A traceback a second while the database is away; the loop says it once.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
