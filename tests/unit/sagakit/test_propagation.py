import subprocess
import sys
import uuid

import pytest

from sagakit.shell import settings as kit
from sagakit.shell.headers import no_headers
from sagakit.shell.outbox import message_ids, rows_of
from sagakit.shell.ports import Outgoing, Record
from sagakit.shell.propagation import Place, is_told, read_traceparent, said_at, worked_at
from sagakit.shell.settings import KitSettings, Misconfigured, read

SAGA = "756c5cfa-0000-4000-8000-00000000002a"
HEARD = Record("choreo.in", 2, 7, b"", b"", lambda: [("ce_id", b"m-1")])


def test_a_message_is_told_in_its_saga_s_trace_the_same_each_time() -> None:
    (row,) = rows_of([Outgoing("choreo.out", SAGA, "Echo", b"")], "saga-")
    place = said_at(row)
    assert f"{place.trace:032x}" == SAGA.replace("-", "")
    assert place == said_at(row._replace(payload=b"again")) == read_traceparent(row.traceparent)


def test_messages_said_together_are_different_spans() -> None:
    ids = message_ids(1_000)
    assert len({one[-16:] for one in ids}) == len(ids)


@pytest.mark.parametrize(
    "text",
    ["", "rubbish", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'1' * 32}-{'0' * 16}-01", "00-1-1-01\n"],
)
def test_what_is_no_creation_context_is_none(text: str) -> None:
    assert read_traceparent(text) is None


def test_the_work_of_each_group_is_a_span_of_its_own_and_the_same_when_it_is_done_again() -> None:
    here = worked_at(SAGA, "saga-payment-choreo", HEARD)
    assert here == worked_at(SAGA, "saga-payment-choreo", HEARD._replace(offset=9))
    assert here != worked_at(SAGA, "saga-order-choreo", HEARD)
    nameless = HEARD._replace(headers=no_headers)
    assert worked_at(SAGA, "g", nameless) != worked_at(SAGA, "g", nameless._replace(offset=9))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_that_is_told_is_that_of_the_uuids(share: float) -> None:
    ids = [uuid.uuid5(uuid.NAMESPACE_OID, str(number)).int for number in range(4_000)]
    assert sum(is_told(one, share) for one in ids) == pytest.approx(4_000 * share, abs=150)


def test_no_place_has_an_id_of_zero() -> None:
    assert all(Place(1, 1))
    assert all(worked_at("", "", HEARD))


def test_who_tells_nothing_loads_no_tracing_library() -> None:
    code = "import sys, sagakit.shell.run; sys.exit('opentelemetry.sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_endpoint_that_cannot_be_served_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")
    with pytest.raises(Misconfigured, match=r"OTEL_.*must be like http://collector:4318"):
        read(KitSettings)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/")
    assert read(KitSettings).otel_exporter_otlp_endpoint == "http://collector:4318"
    monkeypatch.setattr(kit, "find_spec", lambda _name: None)
    with pytest.raises(Misconfigured, match=r"pip install 'brewsaga\[otel\]'"):
        read(KitSettings)
