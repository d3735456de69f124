"""A short run of every target, always with the same inputs; `make fuzz MINUTES=20` is the long one.

FUZZ_EXAMPLES says how many inputs a target has (200).
"""

from typing import Final

import pytest

from e2e.world import count_from_environment
from fuzz.decoders import DECODERS
from fuzz.handlers import HANDLERS
from fuzz.target import Target

EXAMPLES: Final = count_from_environment("FUZZ_EXAMPLES", 200)


@pytest.mark.parametrize("target", [*DECODERS, *HANDLERS], ids=lambda target: target.name)
def test_only_what_is_declared_is_raised(target: Target) -> None:
    target.run(EXAMPLES, None)
    missing = [what for what in target.must_see if not target.seen[what]]
    assert not missing, f"{target.tried} inputs, none came to {missing}: {dict(target.seen)}"
