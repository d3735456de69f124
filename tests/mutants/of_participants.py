"""Bugs in what a participant decides, keeps, moves and says."""

from typing import Final

from mutants.planted import MODEL, Mutant, mutant

FOLD: Final = "sagakit/core/fold.py"
RULES: Final = "sagakit/core/participant.py"
KEEPS: Final = "            folded.changed[message.saga_id] = row\n"
HEARS: Final = (
    "        rejected = None if row is None else _judge_known(index, row, message, judge)\n"
)

OF_PARTICIPANTS: Final[tuple[Mutant, ...]] = (
    mutant(
        "undo without a fence",
        "compensation before action",
        FOLD,
        KEEPS,
        "            if row.outcome is not Outcome.VOID:\n"
        "                folded.changed[message.saga_id] = row\n",
    ),
    mutant(
        "refusals are not stored",
        "a duplicate is decided anew",
        FOLD,
        KEEPS,
        "            if row.outcome is not Outcome.REFUSED:\n"
        "                folded.changed[message.saga_id] = row\n",
    ),
    mutant(
        "no idempotence",
        "redelivery charges twice",
        FOLD,
        HEARS,
        "        if message.ask is Ask.DO:\n            row = None\n" + HEARS,
    ),
    mutant(
        "a duplicate is met with silence",
        "silence hangs the saga",
        FOLD,
        "        if row is not None:\n            _add_answer",
        "        if row is not None and event is not None:\n            _add_answer",
    ),
    mutant(
        "another amount is answered as a refusal",
        "a stranger's message ends a saga that is paid",
        FOLD,
        "            folded.rejected.append(rejected)\n            continue\n",
        "            row = row._replace(outcome=Outcome.REFUSED)\n"
        "            _add_answer(folded, index, row, message, None)\n            continue\n",
    ),
    mutant(
        "what contradicts the row is taken for a duplicate",
        "poison is dropped",
        FOLD,
        "    if message.mode != row.mode:\n",
        "    if message.ask:\n        return None\n    if message.mode != row.mode:\n",
    ),
    mutant(
        "the deadline is judged before the row",
        "a late refusal of what was done",
        FOLD,
        HEARS,
        "        if row is not None and message.ask is Ask.DO and row.outcome is Outcome.DONE:\n"
        "            deadline = getattr(row.terms, 'deadline', None)\n"
        "            if deadline is not None and deadline <= now:\n"
        "                row = row._replace(outcome=Outcome.REFUSED, reason='expired')\n" + HEARS,
    ),
    mutant(
        "an announcement is made anew each time",
        "other words for the same outcome",
        FOLD,
        "            _count_unchanged(folded, row, message)\n",
        "            _count_unchanged(folded, row, message)\n"
        "            row = row and row._replace(occurred_at=now)\n",
    ),
    mutant(
        "an owed undo is not tried again",
        "failed refund taken as final",
        RULES,
        "insists = heard.ask is Ask.INSIST and not row.parked",
        "insists = False",
    ),
    mutant(
        "a failed undo counts as done",
        "failed refund taken as final",
        RULES,
        "                outcome=Outcome.OWED if owed else Outcome.DONE,\n",
        "                outcome=Outcome.UNDONE,\n",
    ),
    mutant(
        "an undo is done again",
        "double refund",
        RULES,
        "        case Outcome.REFUSED | Outcome.UNDONE | Outcome.VOID:\n            return None\n",
        "        case Outcome.UNDONE if heard.ask is Ask.UNDO:\n"
        "            return _undo(row, heard, facts)\n"
        "        case Outcome.REFUSED | Outcome.UNDONE | Outcome.VOID:\n            return None\n",
    ),
    mutant(
        "what was refused is undone",
        "refund without a charge",
        RULES,
        "        case Outcome.REFUSED | Outcome.UNDONE | Outcome.VOID:\n            return None\n",
        "        case Outcome.REFUSED if heard.ask is Ask.UNDO:\n"
        "            return _undo(row, heard, facts)\n"
        "        case Outcome.REFUSED | Outcome.UNDONE | Outcome.VOID:\n            return None\n",
    ),
    mutant(
        "a cancel undoes what is done already",
        "cancel against completion",
        RULES,
        "            return _undo(row, heard, facts) if heard.ask is Ask.UNDO else None\n",
        "            undoes = heard.ask is Ask.UNDO or heard.cancel\n"
        "            return _undo(row, heard, facts) if undoes else None\n",
    ),
    mutant(
        "what is undone is announced as done",
        "an undo that nobody hears of",
        RULES,
        "        case Outcome.UNDONE:\n            return Word.UNDONE\n",
        "        case Outcome.UNDONE:\n            return Word.DONE\n",
    ),
    mutant(
        "a command is answered by another's action",
        "a reply that fits no command",
        "saga/wire.py",
        "        message.action = do if reply.ask is Ask.DO else undo\n",
        "        message.action = do\n",
    ),
    mutant(
        "an undo's luck does not know its attempt",
        "a refund that is refused for ever",
        "sagakit/core/chance.py",
        r'text = f"{seed}\0{saga_id}\0{step}\0{attempt}".encode()',
        r'text = f"{seed}\0{saga_id}\0{step}".encode()',
    ),
    mutant(
        "a refund gives back less",
        "money is lost",
        "payment/domain.py",
        "        return _movement(Kind.REFUND, row)\n",
        "        terms = row.terms._replace(amount_cents=(row.terms.amount_cents or 1) - 1)\n"
        "        return _movement(Kind.REFUND, row._replace(terms=terms))\n",
    ),
    mutant(
        "single entry",
        "money from nowhere",
        "payment/store.py",
        "            for account, cents in movement.entries()\n",
        "            for account, cents in movement.entries()[:1]\n",
    ),
    mutant(
        "a release puts nothing back",
        "stock is lost",
        "inventory/store.py",
        "            taken[ingredient] += units if kind == Kind.RESERVE else -units\n",
        "            taken[ingredient] += units if kind == Kind.RESERVE else 0\n",
    ),
    mutant(
        "inventory does not look at the shelf",
        "one unit is sold twice",
        "inventory/domain.py",
        "        if units is None or not self._has(units):\n",
        "        if units is None:\n",
    ),
    mutant(
        "a participant's write has no guard",
        "two processes decide on one row",
        "sagakit/shell/rows.py",
        'WHERE r.saga_id = line.saga_id AND r.version = line.version"""',
        'WHERE r.saga_id = line.saga_id"""',
    ),
    mutant(
        "fences are pruned early",
        "a do after its undo",
        "sagakit/shell/rows.py",
        "        return [\n            *write_lines(self._insert,",
        "        pruned = f\"DELETE FROM {self._shape.table} WHERE outcome = 'VOID'\""
        ' + " AND saga_id <> ALL($1::text[])"\n'
        "        return [\n            Write(pruned, [[row.saga_id for row in fresh]]),\n"
        "            *write_lines(self._insert,",
    ),
    mutant(
        "do and undo are decided alike where nothing is known",
        "compensation before action",
        RULES,
        '            return Voided(heard.terms, "void")\n',
        "            return Did(heard.terms, facts.reference)\n",
        caught_by=MODEL,
    ),
)
