"""What an independent model of the contract's tables found, variant by variant: the search must
find the same.

That model shares no code with the project. A row is (variant, mode, states, tuples of database
states, violations, stuck); `None` stuck means that every message is delivered once, so that nothing
can be said about loss.
"""

from typing import NamedTuple

MONEY = "order FAILED but money kept"
STOCK = "order FAILED but stock held"
SHIPPED = "order FAILED but shipped"
INCOMPLETE = "order SUCCESS without charge+reserve+ship"
REFUNDED_TOO = "shipped AND refunded"
RELEASED_TOO = "shipped AND released"
CHARGED_TWICE = "charged twice"
REFUNDED_TWICE = "refunded twice"
NOT_CHARGED = "refund without charge / twice"
STOCK_TWICE = "reserve/release doubled"
END_LEFT = "end left"

ANYTHING = frozenset({MONEY, STOCK, SHIPPED, REFUNDED_TOO, RELEASED_TOO})
SHIP_AGAIN = frozenset({SHIPPED, REFUNDED_TOO, RELEASED_TOO})
NONE: frozenset[str] = frozenset()


class Expected(NamedTuple):
    variant: str
    mode: str
    states: int
    databases: int
    violations: frozenset[str]
    stuck: int | None


TABLE = [
    Expected("production", "choreo", 53, 19, NONE, 0),
    Expected("production", "orch", 424, 36, NONE, 0),
    Expected("place-order is never said again", "orch", 256, 34, NONE, 2),
    Expected("an undo's fault is fixed for ever", "choreo", 53, 19, NONE, 6),
    Expected("an undo's fault is fixed for ever", "orch", 204, 42, NONE, 9),
    Expected("deadline is judged before the row", "choreo", 170, 62, ANYTHING | {INCOMPLETE}, 0),
    Expected("deadline is judged before the row", "orch", 241, 36, ANYTHING, 0),
    Expected(
        "another amount is answered as a refusal", "choreo", 170, 62, ANYTHING | {INCOMPLETE}, 0
    ),
    Expected("another amount is answered as a refusal", "orch", 241, 36, ANYTHING, 0),
    Expected("refusals are not stored", "choreo", 170, 53, ANYTHING | {INCOMPLETE}, 0),
    Expected("refusals are not stored", "orch", 241, 33, ANYTHING, 0),
    Expected("no fence", "choreo", 53, 19, NONE, 0),
    Expected("no fence", "orch", 424, 36, NONE, 0),
    Expected("do after undo is answered with failed", "choreo", 83, 19, NONE, 0),
    Expected("do after undo is answered with failed", "orch", 424, 36, NONE, 0),
    Expected("do after undo is answered with done", "choreo", 53, 19, NONE, 0),
    Expected("do after undo is answered with done", "orch", 184, 36, NONE, 0),
    Expected("owed undo is not tried again", "choreo", 53, 19, NONE, 6),
    Expected("owed undo is not tried again", "orch", 424, 36, NONE, 0),
    Expected("owed row says done", "choreo", 53, 19, NONE, 0),
    Expected("order ends at any failure", "choreo", 71, 25, frozenset({MONEY, STOCK}), 0),
    Expected(
        "shipment decides again after refusing", "choreo", 86, 28, SHIP_AGAIN | {INCOMPLETE}, 0
    ),
    Expected("shipment decides again after refusing", "orch", 619, 42, SHIP_AGAIN, 0),
    Expected("undo of a refused row is answered not ok", "orch", 424, 36, NONE, 0),
    Expected("orchestrator is unguarded", "orch", 257, 40, frozenset({END_LEFT}), 0),
    Expected(
        "replies are matched by participant only", "orch", 704, 56, frozenset({MONEY, STOCK}), 0
    ),
    Expected(
        "payment forgets everything", "choreo", 75, 13, frozenset({SHIPPED, STOCK, NOT_CHARGED}), 0
    ),
    Expected("payment forgets everything", "orch", 141, 20, frozenset({NOT_CHARGED}), 0),
    Expected(
        "inventory forgets everything",
        "choreo",
        61,
        14,
        frozenset({SHIPPED, INCOMPLETE, REFUNDED_TOO}),
        0,
    ),
    Expected("inventory forgets everything", "orch", 121, 21, NONE, 0),
    Expected("shipment forgets everything", "choreo", 30, 14, SHIP_AGAIN | {INCOMPLETE}, 0),
    Expected("shipment forgets everything", "orch", 81, 22, SHIP_AGAIN, 0),
    Expected("payment forgets, said once", "choreo", 14, 10, NONE, None),
    Expected("payment forgets, said once", "orch", 24, 20, NONE, None),
    Expected("inventory forgets, said once", "choreo", 14, 11, NONE, None),
    Expected("inventory forgets, said once", "orch", 24, 21, NONE, None),
    Expected("shipment forgets, said once", "choreo", 14, 12, NONE, None),
    Expected("shipment forgets, said once", "orch", 24, 22, NONE, None),
    Expected("payment and inventory and shipment forgets, said once", "choreo", 14, 3, NONE, None),
    Expected("payment and inventory and shipment forgets, said once", "orch", 24, 10, NONE, None),
    Expected("payment has no fence", "choreo", 14, 14, NONE, 0),
    Expected("payment has no fence", "orch", 29, 24, NONE, 0),
    Expected("inventory has no fence", "choreo", 14, 14, NONE, 0),
    Expected("inventory has no fence", "orch", 30, 24, NONE, 0),
    Expected("shipment has no fence", "choreo", 14, 14, NONE, 0),
    Expected("shipment has no fence", "orch", 38, 24, NONE, 0),
    Expected("payment and inventory and shipment has no fence", "choreo", 14, 14, NONE, 0),
    Expected("payment and inventory and shipment has no fence", "orch", 24, 24, NONE, 0),
    Expected(
        "payment keeps successes only",
        "choreo",
        55,
        19,
        frozenset({CHARGED_TWICE, MONEY, SHIPPED, STOCK, REFUNDED_TWICE}),
        0,
    ),
    Expected(
        "payment keeps successes only",
        "orch",
        109,
        29,
        frozenset({CHARGED_TWICE, MONEY, REFUNDED_TWICE}),
        0,
    ),
    Expected(
        "inventory keeps successes only",
        "choreo",
        46,
        20,
        frozenset({SHIPPED, STOCK, INCOMPLETE, STOCK_TWICE, REFUNDED_TOO}),
        0,
    ),
    Expected("inventory keeps successes only", "orch", 100, 31, frozenset({STOCK, STOCK_TWICE}), 0),
    Expected("shipment keeps successes only", "choreo", 21, 18, SHIP_AGAIN | {INCOMPLETE}, 0),
    Expected("shipment keeps successes only", "orch", 58, 29, SHIP_AGAIN, 0),
    Expected("stray undo", "choreo", 84, 28, NONE, 0),
    Expected(
        "stray undo without the fence",
        "choreo",
        343,
        51,
        frozenset({MONEY, SHIPPED, STOCK, INCOMPLETE, REFUNDED_TOO}),
        0,
    ),
    Expected("orchestrator has no cancel edges", "choreo", 53, 19, NONE, 0),
    Expected("orchestrator has no cancel edges", "orch", 272, 26, NONE, 0),
    Expected(
        "shipment forgets, others say done after undo",
        "choreo",
        30,
        14,
        SHIP_AGAIN | {INCOMPLETE},
        0,
    ),
    Expected("shipment forgets, others say done after undo", "orch", 45, 22, SHIP_AGAIN, 0),
]
