"""Bugs of the orchestrator and of order: in what moves a saga, and in what is said again."""

from typing import Final

from mutants.planted import Change, Mutant, mutant

STEPS: Final = "sagakit/core/steps.py"
DOMAIN: Final = "orchestrator/domain.py"
AWAITED: Final = "        if self.states[state].awaits != command:\n            return None\n"
REFUSED_UNDO: Final = "        table[here, Answer.REFUSED, cancel] = here\n"
SAID_AGAIN: Final = "    UPDATE saga_state SET said = said + 1,\n"

OF_SAGAS: Final[tuple[Mutant, ...]] = (
    mutant("unguarded transition", "any reply moves any state", STEPS, AWAITED, ""),
    mutant(
        "a reply is matched by participant and not by action",
        "a late reply to the do taken for the undo's",
        STEPS,
        AWAITED,
        "        awaits = self.states[state].awaits\n"
        "        if awaits is None or awaits.step != command.step:\n            return None\n",
    ),
    mutant(
        "a duplicate reply goes back to its own step",
        "duplicate reply rolls the step back",
        STEPS,
        AWAITED,
        "        if self.states[state].awaits != command:\n"
        "            state = next(n for n, s in self.states.items() if s.awaits == command)\n",
    ),
    mutant(
        "a refused refund ends the saga",
        "failed refund taken as final",
        STEPS,
        REFUSED_UNDO,
        "        table[here, Answer.REFUSED, cancel] = here if index else FAILED\n",
    ),
    mutant(
        "a refused release is passed over",
        "refused release ignored",
        STEPS,
        REFUSED_UNDO,
        "        onwards = _backwards(steps, index)\n"
        "        table[here, Answer.REFUSED, cancel] = onwards if index else here\n",
    ),
    mutant(
        "the first refused undo is the last",
        "stop at the first failed compensation",
        STEPS,
        REFUSED_UNDO,
        "        table[here, Answer.REFUSED, cancel] = FAILED\n",
    ),
    mutant(
        "a refusal ends the saga at once",
        "failed by assumption and not by proof",
        STEPS,
        "here if after_pivot else _backwards(steps, index)\n",
        "here if after_pivot else FAILED\n",
    ),
    mutant(
        "the undo begins at the first step",
        "compensations out of order",
        STEPS,
        "    return compensating(earlier[-1]) if earlier else FAILED\n",
        "    return compensating(earlier[0]) if earlier else FAILED\n",
    ),
    mutant(
        "a cancel counts after the shipment",
        "rollback after success",
        STEPS,
        "compensating(step) if cancel and undoable else onwards\n",
        "(compensating(step) if undoable else _backwards(steps, index)) if cancel else onwards\n",
    ),
    mutant(
        "a late event opens an ended order again",
        "end reopened by a late reply",
        "order/domain.py",
        "        return standing, Effect.NOTHING if end[0] is standing.status "
        "else Effect.VIOLATION\n",
        "        return standing._replace(status=Status.RUNNING), Effect.MOVED\n",
    ),
    mutant(
        "an order ends at any failure",
        "failed by assumption and not by proof",
        "order/domain.py",
        "    contract.PAYMENT_FAILED.event: (Status.FAILED, Outcome.REJECTED),\n",
        "    contract.PAYMENT_FAILED.event: (Status.FAILED, Outcome.REJECTED),\n"
        "    contract.INVENTORY_FAILED.event: (Status.FAILED, Outcome.COMPENSATED),\n",
    ),
    mutant(
        "silence is taken for a refusal of the shipment",
        "timeout compensates what later succeeds",
        "orchestrator/store.py",
        SAID_AGAIN,
        SAID_AGAIN + "        current_step = CASE WHEN current_step = 'AWAITING_SHIPMENT'"
        " THEN 'COMPENSATING_INVENTORY' ELSE current_step END,\n",
    ),
    mutant(
        "silence is taken for a refusal of the reservation",
        "money kept, goods not sent",
        "orchestrator/store.py",
        SAID_AGAIN,
        SAID_AGAIN + "        current_step = CASE WHEN current_step = 'AWAITING_INVENTORY'"
        " THEN 'COMPENSATING_PAYMENT' ELSE current_step END,\n",
    ),
    Mutant(
        "two orchestrators claim one saga",
        "two recoverers claim one saga",
        (
            Change(
                "orchestrator/store.py",
                "WHERE stored.saga_id = line.saga_id AND stored.version = line.loaded",
                "WHERE stored.saga_id = line.saga_id",
            ),
            Change(
                "orchestrator/store.py",
                '_REMEMBER: Final = insertion("saga_history", _ENTRY)\n',
                '_REMEMBER: Final = insertion("saga_history", _ENTRY) + (\n'
                '    " ON CONFLICT (saga_id, version) DO UPDATE SET reason = excluded.reason")\n',
            ),
        ),
    ),
    mutant(
        "an order's write has no guard",
        "two processes decide on one row",
        "order/store.py",
        "WHERE o.saga_id = line.saga_id AND o.version = line.version\n",
        "WHERE o.saga_id = line.saga_id\n",
    ),
    mutant(
        "awaited commands are not said again",
        "silence hangs the saga",
        "orchestrator/store.py",
        "WHERE status = 'RUNNING' AND parked_at IS NULL AND say_again_at <= clock_timestamp()\n",
        "WHERE status = 'LOST' AND parked_at IS NULL AND say_again_at <= clock_timestamp()\n",
    ),
    mutant(
        "a command is said three times and then no more",
        "silence hangs the saga",
        "orchestrator/store.py",
        "WHERE status = 'RUNNING' AND parked_at IS NULL AND say_again_at <= clock_timestamp()\n",
        "WHERE status = 'RUNNING' AND parked_at IS NULL AND said < 3 "
        "AND say_again_at <= clock_timestamp()\n",
    ),
    mutant(
        "place-order is said once",
        "an order is lost on its way",
        "order/store_orders.py",
        "    AND (mode = 'choreo' OR NOT known OR cancel_asked)\n",
        "    AND mode = 'choreo'\n",
    ),
    mutant(
        "order-requested is said once",
        "an order is lost on its way",
        "order/store_orders.py",
        "    AND (mode = 'choreo' OR NOT known OR cancel_asked)\n",
        "    AND mode = 'orch'\n",
    ),
    mutant(
        "a transition leaves no entry",
        "a history with holes",
        "orchestrator/handler.py",
        "    changes.entries.append(decision.entry)\n",
        "    if saga.version % 3:\n        changes.entries.append(decision.entry)\n",
    ),
)
