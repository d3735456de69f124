"""Where Prometheus and its tool are. Debian's package `prometheus` has both."""

import shutil
import subprocess
from pathlib import Path

import pytest


def found(program: str) -> str:
    """The program's path; where it is not, the test is left out, and says what to install."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"no {program} on PATH; apt-get install prometheus")
    return path


def judged(test: Path) -> subprocess.CompletedProcess[str]:
    """What `promtool test rules` says of a file."""
    return subprocess.run(
        [found("promtool"), "test", "rules", str(test)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
