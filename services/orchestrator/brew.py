"""The whole orchestrated saga, to be read aloud: the order of the steps, and what undoes them.

Adding a step is one line here, once the contract knows its topics (`saga.contract`). It must not
know how anything is said, stored or awaited.
"""

from typing import Final

from sagakit.core.steps import Definition, Step, compile_steps

BREW: Final = (
    Step("payment", action="AUTHORIZE", compensation="REFUND"),
    Step("inventory", action="RESERVE", compensation="RELEASE"),
    Step("shipment", action="SCHEDULE"),
)
FLOW: Final[Definition] = compile_steps(BREW)
"""The complete table of transitions; the tables of the contract are compared with it by a test."""
