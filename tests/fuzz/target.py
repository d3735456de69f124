"""One thing that is fuzzed: where its input comes from, and what must hold whatever it is."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

Check = Callable[[Any, Counter[str]], None]


@dataclass(slots=True)
class Target:
    """`check` fails by any exception; it counts into `seen` what the inputs came to.

    `must_see` are counts without which a run would prove nothing.
    """

    name: str
    inputs: SearchStrategy[Any]
    check: Check
    must_see: tuple[str, ...]
    seen: Counter[str] = field(default_factory=Counter)
    tried: int = 0

    def run(self, examples: int, number: int | None) -> None:
        """Try so many inputs; `number` seeds them, None: always the same ones.

        Raises what the check raised for the smallest input that was found, which is printed.
        """

        def once(value: Any) -> None:
            self.tried += 1
            self.check(value, self.seen)

        fuzz = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=number is None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(given(self.inputs)(once))
        if number is not None:
            fuzz = seed(number)(fuzz)
        fuzz()
