"""The whole orchestrated saga, to be read aloud: the order of the steps, and what undoes them.

A released definition is never changed, for sagas in flight end on the one they began with: what is
changed is the next version, and the old one stays as long as a saga may be open on it. Adding a
step is one line here, once the contract knows its topics (`saga.contract`). It must not know how
anything is said, stored or awaited.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sagakit.core.steps import Definition, Step, compile_steps

BREW: Final = (
    Step("payment", action="AUTHORIZE", compensation="REFUND"),
    Step("inventory", action="RESERVE", compensation="RELEASE"),
    Step("shipment", action="SCHEDULE"),
)
VERSIONS: Final[Mapping[int, tuple[Step, ...]]] = MappingProxyType({1: BREW})
"""Every definition on which a saga may still be open. Version 2 is a tuple of its own beside the
first; `tests/histories` keeps the digest and recorded runs of each."""

NEWEST: Final = max(VERSIONS)
"""What new sagas begin on, unless the setting FLOW_VERSION says another."""

FLOWS: Final[Mapping[int, Definition]] = MappingProxyType(
    {version: compile_steps(steps) for version, steps in VERSIONS.items()}
)
"""The complete tables of transitions; the newest is compared with the contract's by a test."""

FLOW: Final = FLOWS[NEWEST]
EVERY_STEP: Final = tuple(dict.fromkeys(step for steps in VERSIONS.values() for step in steps))
"""The steps of all versions: what must be said and heard as long as one of them is carried."""
