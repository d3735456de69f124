"""A payment service with a planted bug: it says that it has refunded, and moves no money."""

from typing import Any

from payment.__main__ import main
from payment.domain import Kind, Movement
from payment.store import PaymentStore
from sagakit.shell.ports import Write

_writes: Any = PaymentStore.writes


def _forgetful(self: PaymentStore, effects: list[Movement]) -> list[Write]:
    kept = [one for one in effects if one.kind is not Kind.REFUND]
    written: list[Write] = _writes(self, kept) if kept else []
    return written


PaymentStore.writes = _forgetful  # type: ignore[method-assign,assignment] # the planted bug

if __name__ == "__main__":
    main()
