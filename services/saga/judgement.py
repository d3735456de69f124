"""What every participant judges alike before its own resources: bounds, deadline, faults.

In this order. Pure: the clock and the odds come in. It must not know who asks.
"""

from datetime import datetime
from typing import Final

from saga.terms import Terms, out_of_bounds
from sagakit.core.chance import Odds

EXPIRED: Final = "expired"
"""The refusal of a do whose deadline had passed when it was first looked at."""


def common_refusal(
    saga_id: str, terms: Terms, *, now: datetime, odds: Odds, unlucky_word: str
) -> str | None:
    """Why any participant would refuse this do, or None.

    `unlucky_word` is what it says to an injected fault.
    """
    bounds = out_of_bounds(terms)
    if bounds is not None:
        return bounds
    if terms.deadline is not None and terms.deadline <= now:
        return EXPIRED
    return unlucky_word if odds.do_fails(saga_id, terms.faults) else None
