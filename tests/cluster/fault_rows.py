"""What experiments came to, row by row, and the page that is made of it (`make fault-matrix`).

Whoever has run an experiment notes it; where FAULT_ROWS names no file, nothing is kept. It must not
know how an experiment is run.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ALL_PERCENT = 100
HEAD = "| Fault | Struck | Mode | Verdict | Out of bounds | First after | Recovered after | Ends |"


@dataclass(frozen=True)
class Row:
    """One experiment that has ended."""

    fault: str
    struck: str
    mode: str
    verdict: str
    measured: int
    failed: int
    first_after: str
    recovered_after: str
    ends: str
    planted: bool = False


def named(fault: Mapping[str, Any]) -> str:
    """A fault in a few words, without what goes without saying: it strikes all."""
    share = f"{fault['percent']} %" if fault.get("percent", ALL_PERCENT) != ALL_PERCENT else ""
    undo = "of undos" if fault.get("undo") else ""
    words = (fault["type"], share, undo, fault.get("delay"), fault.get("peer"))
    return " ".join(word for word in words if word)


def row_of(
    spec: Mapping[str, Any], status: Mapping[str, Any], mode: str, counts: Mapping[str, int]
) -> Row:
    """What is kept of an experiment: its spec and status as the API server has them."""
    probes = status["probes"]
    first = [one["firstFailureAfter"] for one in probes if one.get("firstFailureAfter")]
    ends = [counts.get(name, 0) for name in ("completed", "compensated", "rejected")]
    target = spec["target"]
    return Row(
        named(spec["fault"]),
        f"{target['service']}, {target.get('mode', 'One').lower()}",
        mode,
        status["verdict"],
        sum(one["measured"] for one in probes),
        sum(one["failed"] for one in probes),
        first[0] if first else "none",
        status.get("recoveredAfter", "never"),
        " + ".join(map(str, ends)),
    )


def note(row: Row) -> None:
    """Keep it where FAULT_ROWS says."""
    print(f"  {row}")
    place = os.environ.get("FAULT_ROWS")
    if place:
        with Path(place).open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def table(rows: Iterable[Row]) -> str:
    """The rows as Markdown."""
    lines = [HEAD, "|" + "---|" * HEAD.count(" | ") + "---|"]
    for row in rows:
        bounds = f"{row.failed} of {row.measured}"
        cells = (row.fault, row.struck, row.mode, row.verdict, bounds, row.first_after)
        lines.append("| " + " | ".join((*cells, row.recovered_after, row.ends)) + " |")
    return "\n".join(lines)


def between(page: str, name: str, text: str) -> str:
    """The page with a text in the place of what stood between the two marks of this name."""
    head, begin, rest = page.partition(f"<!-- {name} -->\n")
    _, end, tail = rest.partition(f"<!-- end of {name} -->")
    assert begin, f"the page has no place for {name}"
    assert end, f"the page has no place for {name}"
    return f"{head}{begin}{text}\n{end}{tail}"


def main(noted: Path, page: Path) -> None:
    """Write what was noted into its places in the page."""
    rows = [Row(**json.loads(line)) for line in noted.read_text().splitlines()]
    text = page.read_text()
    for name, planted in (("the chart", False), ("the planted bug", True)):
        text = between(text, name, table(row for row in rows if row.planted is planted))
    page.write_text(text)
    print(f"{page}: {len(rows)} experiments")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
