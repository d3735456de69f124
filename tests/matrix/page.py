"""Writes the failure matrix into the README, between its marks, or compares it with what is there.

Knows the table and Markdown; what a row means is the table's.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from matrix.table import ROWS, Modes, NotYet, Proof, Row

README: Final = Path(__file__).resolve().parents[2] / "README.md"
BEGIN: Final = "<!-- generated: failures -->\n"
END: Final = "<!-- end -->"
PROVES: Final = {
    "choreography": (Modes.EACH, Modes.TOGETHER, Modes.CHOREO),
    "orchestration": (Modes.EACH, Modes.TOGETHER, Modes.ORCH),
}
"""Which proofs stand in which column."""


def in_mode(row: Row, mode: str) -> list[Proof | NotYet]:
    return [proof for proof in row.proofs if proof.modes in PROVES[mode]]


def _cell(found: list[Proof | NotYet]) -> str:
    return "; ".join(_said(proof) for proof in found) or "there is no such thing"


def _said(proof: Proof | NotYet) -> str:
    if isinstance(proof, NotYet):
        tried = f", tried by `{proof.tried_by}`" if proof.tried_by else ""
        return f"**not yet**{tried}"
    return f"[{proof.test.replace('_', ' ')}](tests/{proof.module})"


def table() -> str:
    lines = [
        "| what goes wrong | what happens | proven in choreography | proven in orchestration |",
        "|---|---|---|---|",
    ]
    kind = ""
    for row in ROWS:
        if row.kind != kind:
            kind = row.kind
            lines.append(f"| **{kind}** | | | |")
        choreo, orch = (_cell(in_mode(row, mode)) for mode in PROVES)
        same = "the same" if orch == choreo else orch
        lines.append(f"| {row.anomaly} | {row.happens} | {choreo} | {same} |")
    return "\n".join(lines) + "\n"


def filled(text: str) -> str:
    """The text with the table between its marks. Raises ValueError where there are none."""
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"the text has no {BEGIN.strip()} … {END}: put both where it shall stand")
    return f"{before}{BEGIN}{table()}{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="matrix", description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = README.read_text(encoding="utf-8")
    if not parser.parse_args().check:
        README.write_text(filled(text), encoding="utf-8")
    elif filled(text) != text:
        print("the README's failure table differs from its data: make generate", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
