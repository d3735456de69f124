"""`brewsaga metrics` over a service's real answer, and what it says where there is none."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from brewsaga import targets
from brewsaga.errors import CommandError, Exit
from brewsaga.forms import FORMS
from brewsaga.scrape import metrics as run
from saga import metrics
from sagakit.shell.health import HealthServer
from sagakit.shell.metrics import Metrics

ENDED = ("choreography", "completed")


@asynccontextmanager
async def order() -> AsyncIterator[int]:
    """Order's metrics where they are always served."""

    async def well() -> dict[str, bool]:
        return {}

    built = Metrics(metrics.of("order"))
    built.observe(metrics.SAGAS_FINISHED, ENDED, 3.0)
    for seconds in (1.0, 2.0):
        built.observe(metrics.SAGA_DURATION, ENDED, seconds)
    built.observe(metrics.SAGAS_IN_FLIGHT, ("choreography", "payment"), 4.0)
    health = HealthServer(built.registry, well, well, well)
    server = await health.start("127.0.0.1", 0)
    yield health.port
    server.close()
    await server.wait_closed()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BREWSAGA_DATA", str(tmp_path))
    return tmp_path


async def test_what_is_not_0_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with order() as port:
        with targets.told(folder, "machine", {"order": port}):
            assert await run((), (), "table") is Exit.COMPLETED
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    place, asked = ["mode=choreography", "outcome=completed"], f"127.0.0.1:{port}"
    assert lines[1:] == [
        ["sagas_finished_total", *place, "3", "order", asked],
        ["saga_duration_seconds", *place, "1.5", "2", "order", asked],
        ["sagas_in_flight", "mode=choreography", "step=payment", "4", "order", asked],
    ]


async def test_json_has_all_of_it_in_its_form(capsys: pytest.CaptureFixture[str]) -> None:
    async with order() as port:
        address = f"127.0.0.1:{port}"
        await run(("brewsaga_sagas_finished_total",), (address,), "json")
    told = json.loads(capsys.readouterr().out)
    assert [row["value"] for row in told] == [3.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    form = FORMS["metrics"]
    assert form.dump_python(form.validate_python(told), mode="json") == told


async def test_one_that_does_not_answer_is_named_and_the_others_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with order() as port:
        targets.write(folder, "machine", {"order": port, "payment": 1})
        await run((metrics.SAGAS_FINISHED,), (), "table")
    said = capsys.readouterr()
    assert "payment 127.0.0.1:1 does not answer" in said.err
    assert "sagas_finished_total" in said.out


@pytest.mark.parametrize(
    ("names", "addresses", "named"),
    [
        (("sagas_lost_total",), (), "no metric of the register"),
        ((), (), "no service that runs here is known"),
        ((), ("127.0.0.1:1",), "no service answers"),
    ],
)
async def test_what_cannot_be_told_is_an_error_with_a_next_step(
    names: tuple[str, ...], addresses: tuple[str, ...], named: str
) -> None:
    with pytest.raises(CommandError, match=named) as raised:
        await run(names, addresses, "table")
    assert raised.value.next_step


async def test_a_file_says_where_metrics_are_only_while_they_are(folder: Path) -> None:
    with targets.told(folder, "machine", {"order": 9, "payment": 10}):
        found = targets.known(folder)
        assert [(one.service, one.address) for one in found] == [
            ("order", "127.0.0.1:9"),
            ("payment", "127.0.0.1:10"),
        ]
    assert await asyncio.to_thread(targets.known, folder) == []
