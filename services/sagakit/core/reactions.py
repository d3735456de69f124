"""Choreography and orchestration as tables: what a participant hears, does and says.

Subscriptions, the drawn graph, the check for loops and the list of what nobody says all come from
these tables. Topics are plain names here; which names there are is the contract's to say. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from sagakit.core.participant import Ask, Word


@dataclass(frozen=True, slots=True)
class Choreography:
    """One participant's part: `hears` is what a topic asks for, `says` a word's topic."""

    service: str
    hears: Mapping[str, Ask]
    says: Mapping[Word, str]

    @property
    def topics(self) -> tuple[str, ...]:
        """What it subscribes to."""
        return tuple(self.hears)


@dataclass(frozen=True, slots=True)
class Orchestration:
    """One participant's part: the commands it hears, what an action asks for, where it replies."""

    service: str
    commands: str
    actions: Mapping[str, Ask]
    replies: str

    @property
    def topics(self) -> tuple[str, ...]:
        """What it subscribes to."""
        return (self.commands,)


class Said(NamedTuple):
    """One message in bytes: where it goes and what it is."""

    topic: str
    type: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Edge:
    """`service`, having heard `heard`, may say `said`.

    `late` marks what only a duplicate or a stray message draws.
    """

    heard: str
    service: str
    said: str
    late: bool


def edges(parts: Iterable[Choreography]) -> tuple[Edge, ...]:
    """Everything that may be said after something is heard."""
    found: list[Edge] = []
    for part in parts:
        for heard, ask in part.hears.items():
            on_time, late = _words(ask)
            found += [
                Edge(heard, part.service, part.says[word], word in late)
                for word in (*on_time, *late)
                if word in part.says
            ]
    return tuple(found)


def _words(ask: Ask) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """What is said to a message that comes in time, and what to one that comes late or twice."""
    if ask is Ask.DO:
        return (Word.DONE, Word.REFUSED), (Word.UNDONE,)
    return (Word.UNDONE,), (Word.REFUSED,)


def find_loop(parts: Iterable[Choreography]) -> tuple[str, ...]:
    """The topics of a loop in which a saga could run for ever, the first again last; or empty."""
    followers: dict[str, set[str]] = {}
    for edge in edges(parts):
        followers.setdefault(edge.said, set()).add(edge.heard)
    try:
        TopologicalSorter(followers).prepare()
    except CycleError as error:
        loop: list[str] = error.args[1]
        return tuple(loop)
    return ()


def heard_but_never_said(parts: Sequence[Choreography], said_by_others: Iterable[str]) -> set[str]:
    """The topics that a participant waits for and nobody says: a saga would stop there."""
    said = {topic for part in parts for topic in part.says.values()} | set(said_by_others)
    return {topic for part in parts for topic in part.hears} - said


def said_but_never_heard(parts: Sequence[Choreography], heard_by_others: Iterable[str]) -> set[str]:
    """The topics that nobody hears: an end that no one would notice."""
    heard = {topic for part in parts for topic in part.hears} | set(heard_by_others)
    return {topic for part in parts for topic in part.says.values()} - heard


def mermaid(parts: Iterable[Choreography]) -> str:
    """The graph in Mermaid's notation: boxes are topics, the words on the arrows are who reacts.

    Late edges left out.
    """
    lines = ["graph LR"]
    lines += [
        f"    {_node(edge.heard)} -->|{edge.service}| {_node(edge.said)}"
        for edge in edges(parts)
        if not edge.late
    ]
    return "\n".join(lines) + "\n"


def _node(topic: str) -> str:
    """`choreo.cup-filled` as a node with an identifier that Mermaid takes."""
    name = topic.rpartition(".")[2]
    return f"{name.replace('-', '_')}[{name}]"
