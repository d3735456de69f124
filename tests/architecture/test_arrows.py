"""The arrows between packages: import-linter keeps them, and this test runs it so that pytest alone
is enough.
"""

import os
import subprocess
import sys

from architecture.sources import ROOT


def test_every_arrow_is_kept() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "services")}
    ran = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " 0 broken" in ran.stdout
