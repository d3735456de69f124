"""Draw both ways of the saga from the tables that the services run by, for the README.

The tables are the only source: what is drawn cannot differ from what is done. Starts nothing.
"""

from importlib import import_module
from pathlib import Path
from typing import Final

from orchestrator.brew import FLOW
from saga.contract import PARTICIPANTS
from sagakit.core.reactions import Choreography, mermaid
from sagakit.core.steps import Answer

CHOREOGRAPHY: Final[tuple[Choreography, ...]] = tuple(
    import_module(f"{service}.participant").CHOREOGRAPHY for service in PARTICIPANTS
)
BEGIN: Final = "<!-- generated: {name} -->"
END: Final = "<!-- end -->"


def choreography() -> str:
    """Who hears what and then says what; a participant knows no more than its own arrows."""
    return mermaid(CHOREOGRAPHY)


def orchestration() -> str:
    """The orchestrator's states; a refused compensation stays where it is."""
    lines = ["stateDiagram-v2", f"    [*] --> {FLOW.first}"]
    for (source, answer, cancel), target in FLOW.table.items():
        if source != target and not cancel:
            word = "ok" if answer is Answer.OK else "refused"
            lines.append(f"    {source} --> {_state(target)}: {word}")
    return "\n".join(lines) + "\n"


def _state(name: str) -> str:
    return name.replace("DONE/", "")


def filled(text: str) -> str:
    """The text with both graphs between their marks. Raises ValueError where a mark is missing."""
    for name, graph in (("choreography", choreography()), ("orchestration", orchestration())):
        begin = BEGIN.format(name=name)
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(END)
        if not found or not ended:
            message = f"the text has no {begin} … {END}; put both where the graph shall stand"
            raise ValueError(message)
        text = f"{before}{begin}\n```mermaid\n{graph}```\n{END}{after}"
    return text


def write(path: Path) -> bool:
    """Put the graphs into the file; whether it changed."""
    text = path.read_text(encoding="utf-8")
    new = filled(text)
    path.write_text(new, encoding="utf-8")
    return new != text
