"""What is watched is drawn again and again on a terminal, and printed once where there is none."""

import asyncio
import sys
from collections.abc import Sequence

import pytest

from brewsaga import live


class Asked:
    """Something that says another figure each time."""

    def __init__(self) -> None:
        self.times = 0
        self.twice = asyncio.Event()

    async def __call__(self) -> Sequence[str]:
        self.times += 1
        if self.times > 1:
            self.twice.set()
        return [f"{self.times} sagas"]


async def test_without_a_terminal_it_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    await live.show(Asked(), again=True)
    assert capsys.readouterr().out == "1 sagas\n"


async def test_on_a_terminal_it_goes_on_until_ctrl_c(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(live, "EVERY_SECONDS", 0.01)
    asked = Asked()
    watching = asyncio.create_task(live.show(asked, again=True))
    await asyncio.wait_for(asked.twice.wait(), 20)
    watching.cancel()
    await watching
    assert "2 sagas" in capsys.readouterr().out
