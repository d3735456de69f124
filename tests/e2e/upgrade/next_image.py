"""The next image, as a team would build it: today's sources and the few changes of a fourth step.

They are the changes that ARCHITECTURE.md lists for orchestration, applied to a copy and compiled:
two images with one history, which can run after one another. Nothing of it is shipped.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from saga import contract

ROOT: Final = Path(__file__).resolve().parents[3]
VERSION: Final = 2
AWAITED: Final = "AWAITING_NOTIFY"
COMMAND: Final = "orch.notify-cmd"
REPLY: Final = "orch.notify-reply"

MESSAGES: Final = """
enum NotifyAction {
  NOTIFY_ACTION_UNSPECIFIED = 0;
  NOTIFY_ACTION_SEND = 1;
}

message NotifyCommand {
  string saga_id = 1;
  NotifyAction action = 2;
  string customer_id = 3;
  string drink = 15;
  uint32 quantity = 16;
  google.protobuf.Timestamp deadline = 17;
  string faults = 18;
}

message NotifyReply {
  string saga_id = 1;
  NotifyAction action = 2;
  bool ok = 3;
  string notification_id = 4;
  string reason = 5;
}
"""
"""Field by field like those of shipment, so that the plain participant may speak in shipment's."""

TOPICS: Final = f"""
NOTIFY_COMMAND: Final = Topic("{COMMAND}", "NotifyCommand", "orchestrator", ("notify",))
NOTIFY_REPLY: Final = Topic("{REPLY}", "NotifyReply", "notify", ("orchestrator",))

TOPICS: Final = (
    NOTIFY_COMMAND,
    NOTIFY_REPLY,
"""
ROW: Final = f'    StepWord("notify", "{AWAITED}", (), "notify", "notification_id"),\n'
COLUMN: Final = "ALTER TABLE saga_state ADD COLUMN notification_id text NOT NULL DEFAULT '';\n"

EDITS: Final = (
    ("saga/contract.py", "\nTOPICS: Final = (\n", TOPICS),
    ("saga/contract.py", '    StepWord("release",', ROW + '    StepWord("release",'),
    (
        "orchestrator/api.py",
        "    shipment_id: str\n",
        "    shipment_id: str\n    notification_id: str\n",
    ),
    ("orchestrator/brew.py", "{1: BREW}", '{1: BREW, 2: (*BREW, Step("notify", action="SEND"))}'),
)
"""Files under services/, a text that is there once, and what stands there in the next image."""


@dataclass(frozen=True, slots=True)
class Image:
    """Where the next image's sources are, and its schema."""

    services: Path
    schema: Path


def build(folder: Path) -> Image:
    """Copy, change and compile."""
    image = Image(folder / "services", folder / "db")
    shutil.copytree(ROOT / "services", image.services, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "db", image.schema)
    for name, before, after in EDITS:
        path = image.services / name
        text = path.read_text()
        assert text.count(before) == 1, f"{name} has {before!r} {text.count(before)} times"
        path.write_text(text.replace(before, after))
    (image.schema / "orchestrator" / "900_notifications.sql").write_text(COLUMN)
    source = folder / "proto" / "saga" / "v1" / "saga.proto"
    source.parent.mkdir(parents=True)
    source.write_text((ROOT / "proto" / "saga" / "v1" / "saga.proto").read_text() + MESSAGES)
    compiler = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder / 'proto'}"]
    subprocess.run([*compiler, f"--python_out={image.services}", str(source)], check=True)
    return image


def topics(prefix: str) -> list[str]:
    """What the next image needs beside today's."""
    known = set(contract.all_topics(prefix))
    return [name for name in (prefix + COMMAND, prefix + REPLY) if name not in known]
