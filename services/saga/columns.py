"""The terms of an order as columns: the same names, types and order in every participant's table.

The plumbing stores rows of any business; this is what it is told of ours. No SQL, no protobuf.
"""

from operator import attrgetter
from typing import Final

from saga.terms import Terms

TERMS_COLUMNS: Final = (
    ("customer_id", "text"),
    ("amount_cents", "bigint"),
    ("currency", "text"),
    ("drink", "text"),
    ("quantity", "bigint"),
    ("deadline", "timestamptz"),
    ("faults", "text"),
)
"""Name and Postgres type, in the order of the fields of `Terms`."""

if tuple(name for name, _ in TERMS_COLUMNS) != Terms._fields:
    MISMATCH = "TERMS_COLUMNS must name the fields of Terms in their order: change both together"
    raise ImportError(MISMATCH)

terms_values: Final = attrgetter(*(name for name, _ in TERMS_COLUMNS))
"""The values of a `Terms` in the order of the columns."""
