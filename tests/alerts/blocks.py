"""The rules file as text, a rule a block: for tests that look at it, or alter it on purpose."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
RULES: Final = ROOT / "helm/brewsaga/files/alerts.yaml"

_RULE: Final = re.compile(r"^      - (alert|record): (\S+)\n(?:(?:        .*)?\n)*", re.MULTILINE)
_EXPRESSION: Final = re.compile(r"        expr: (?:\|-\n((?:          .*\n)+)|(.*)\n)")


def blocks(kind: str, text: str | None = None) -> dict[str, str]:
    """Each rule of a kind (alert, record) by name: its lines."""
    found = _RULE.finditer(RULES.read_text() if text is None else text)
    return {rule[2]: rule[0] for rule in found if rule[1] == kind}


def expression(block: str) -> str:
    """What a rule asks, on one line."""
    asked = _EXPRESSION.search(block)
    assert asked, f"no expr in {block}"
    return " ".join((asked[1] or asked[2]).split())


def asking(block: str, other: str) -> str:
    """The rule with another question."""
    return _EXPRESSION.sub(f"        expr: {other}\n", block, count=1)
