import logging

import pytest

from sagakit.shell.logs import TextFormatter
from sagakit.shell.settings import KitSettings, Misconfigured, masked, read, told

PASSWORD = "geheim"
URL = f"postgresql://brewsaga_payment:{PASSWORD}@127.0.0.1:15435/brewsaga_payment"


def test_what_cannot_be_taken_is_named_with_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL_RATE", "2")
    monkeypatch.setenv("TOPIC_PREFIX", "lecture")
    with pytest.raises(Misconfigured) as refused:
        read(KitSettings)
    assert "FAIL_RATE: Input should be less than or equal to 1" in str(refused.value)
    assert "TOPIC_PREFIX: topic_prefix is 'lecture'; it must end in '-'" in str(refused.value)


def test_a_value_that_is_refused_is_not_repeated_for_it_may_be_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PORT", PASSWORD)
    with pytest.raises(Misconfigured) as refused:
        read(KitSettings)
    assert "HTTP_PORT" in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_people_are_shown_what_was_told_and_no_default_and_no_password() -> None:
    settings = KitSettings(database_url=URL, fail_rate=0.3)
    assert told(settings) == f"database_url={URL.replace(PASSWORD, '***')} fail_rate=0.3"


def test_a_line_for_people_leaves_out_what_is_for_machines() -> None:
    record = logging.LogRecord("kit", logging.INFO, "", 1, "started", None, None)
    record.fields = {"settings": masked(KitSettings()), "attempts": 3}
    assert TextFormatter("%(message)s").format(record) == "started attempts=3"
