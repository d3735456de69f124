"""A publisher that loses: Python imports this in each process whose PYTHONPATH names this folder.

Of a saga `lost-EVENT-…` the first EVENT is never given to Kafka, and is taken for acknowledged: its
row leaves the outbox as if a broker had said yes and forgotten it. Said again, it passes.
"""

from collections.abc import Sequence

from sagakit.shell.outbox import OutboxRow
from sagakit.shell.publisher import Publisher

_publish = Publisher.publish
_lost: set[str] = set()


def _losing(self: Publisher, rows: Sequence[OutboxRow]) -> None:
    kept = []
    for row in rows:
        event = row.topic.rpartition(".")[2]
        if row.key.startswith(f"lost-{event}-") and row.key not in _lost:
            _lost.add(row.key)
            self.in_flight.add(row.id)
            self._acknowledged.append(row.id)
        else:
            kept.append(row)
    _publish(self, kept)


Publisher.publish = _losing  # type: ignore[method-assign] # the planted loss
