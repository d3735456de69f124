"""What the tables of reactions tell: subscriptions, the graph, loops, and loose ends."""

from sagakit.core.participant import Ask, Word
from sagakit.core.reactions import (
    Choreography,
    Edge,
    edges,
    find_loop,
    heard_but_never_said,
    mermaid,
    said_but_never_heard,
)

GRINDER = Choreography(
    "grinder",
    hears={"c.asked": Ask.DO, "c.spilt": Ask.UNDO},
    says={Word.DONE: "c.ground", Word.REFUSED: "c.jammed", Word.UNDONE: "c.binned"},
)
POURER = Choreography(
    "pourer",
    hears={"c.ground": Ask.DO},
    says={Word.DONE: "c.poured", Word.REFUSED: "c.spilt"},
)
BAR = (GRINDER, POURER)


def test_a_do_leads_to_done_or_refused_and_an_undo_to_undone() -> None:
    on_time = {edge for edge in edges(BAR) if not edge.late}
    assert on_time == {
        Edge("c.asked", "grinder", "c.ground", late=False),
        Edge("c.asked", "grinder", "c.jammed", late=False),
        Edge("c.spilt", "grinder", "c.binned", late=False),
        Edge("c.ground", "pourer", "c.poured", late=False),
        Edge("c.ground", "pourer", "c.spilt", late=False),
    }


def test_the_graph_draws_what_happens_on_time() -> None:
    drawn = mermaid(BAR)
    assert "c_asked" not in drawn
    assert "asked[asked] -->|grinder| ground[ground]" in drawn
    assert drawn.count("-->") == sum(not edge.late for edge in edges(BAR))


def test_a_loop_is_found_and_named() -> None:
    again = Choreography("again", hears={"c.poured": Ask.DO}, says={Word.DONE: "c.asked"})
    assert find_loop(BAR) == ()
    loop = find_loop((*BAR, again))
    assert loop[0] == loop[-1]
    assert {"c.asked", "c.ground", "c.poured"} <= set(loop)


def test_loose_ends_are_found() -> None:
    assert heard_but_never_said(BAR, {"c.asked"}) == set()
    assert heard_but_never_said(BAR, set()) == {"c.asked"}
    assert said_but_never_heard(BAR, {"c.poured", "c.jammed"}) == {"c.binned"}
