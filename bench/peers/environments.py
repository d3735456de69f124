"""A peer's environment, made once in the project's cache folder from its lock with hashes.

Python packages go into a virtual environment of their own, npm packages into a folder of their
own; nothing is run that a package would like to run when it is installed. Knows no engine.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from brewsaga.errors import CommandError
from brewsaga.machine import tell
from brewsaga.stack import cache_dir

LOCKS: Final = Path(__file__).resolve().parent / "locks"
PYTHON_MINORS: Final = range(11, 16)
Version = tuple[int, int]


class NotHereError(Exception):
    """The peer cannot be had on this machine; the text says what is missing."""


def python_environment(peer: str, oldest: Version) -> Path:
    """The interpreter of the peer's environment. Raises NotHereError without such a Python."""
    lock = LOCKS / f"{peer}.txt"
    folder = _folder(peer, lock, oldest)
    python = folder / "bin" / "python"
    if not _is_ready(folder):
        tell(f"making an environment for {peer} in {folder}")
        _run([str(find_python(oldest)), "-m", "venv", str(folder)])
        quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
        _run([str(python), "-m", "pip", "install", *quiet, "--require-hashes", "-r", str(lock)])
        _make_ready(folder)
    return python


def node_modules(peer: str) -> Path:
    """The folder of the peer's npm packages. Raises NotHereError without npm."""
    lock = LOCKS / peer / "package-lock.json"
    folder = _folder(f"{peer}-npm", lock, None)
    if not _is_ready(folder):
        npm = shutil.which("npm")
        if npm is None:
            raise NotHereError("npm is not installed")
        tell(f"fetching npm packages for {peer} into {folder}")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(lock.with_name(name), folder / name)
        cached = {"npm_config_cache": str(folder.parent / "npm-cache")}
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        _run([npm, "ci", *quiet], folder, cached)
        _make_ready(folder)
    return folder / "node_modules"


def find_python(oldest: Version) -> Path:
    """An interpreter that is new enough: this one, or one of PATH (or beside it, as pyenv does)."""
    if sys.version_info[:2] >= oldest:
        return Path(sys.executable)
    for candidate in _candidates(oldest):
        asked = [str(candidate), "-c", "import venv, ensurepip"]
        if subprocess.run(asked, check=False, capture_output=True).returncode == 0:
            return candidate
    raise NotHereError(f"Python {oldest[0]}.{oldest[1]} or newer is not installed")


def _candidates(oldest: Version) -> Iterator[Path]:
    for minor in PYTHON_MINORS:
        if minor < oldest[1]:
            continue
        name = f"python{oldest[0]}.{minor}"
        found = shutil.which(name)
        if found is not None:
            yield Path(found)
            beside = Path(found).parent.parent / "versions"
            yield from sorted(beside.glob(f"{oldest[0]}.{minor}.*/bin/{name}"))


def version_of(peer: str, package: str) -> str:
    """The pinned version of a Python package."""
    for line in (LOCKS / f"{peer}.txt").read_text().splitlines():
        name, _, rest = line.partition("==")
        if name == package:
            return rest.split()[0]
    raise CommandError(f"{package} is not in the lock of {peer}", "make peers-lock")


def npm_version(peer: str, package: str) -> str:
    """The pinned version of an npm package."""
    told = json.loads((LOCKS / peer / "package.json").read_text())
    return str(told["dependencies"][package])


def _folder(peer: str, lock: Path, oldest: Version | None) -> Path:
    """Named after the lock, so that another lock is another environment."""
    made_of = lock.read_bytes() + repr(oldest).encode()
    digest = hashlib.sha256(made_of).hexdigest()[:12]
    folder = cache_dir() / "peers" / f"{peer}-{digest}"
    if folder.exists() and not _is_ready(folder):
        shutil.rmtree(folder)  # an installation that was broken off
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _is_ready(folder: Path) -> bool:
    return (folder / ".ready").exists()


def _make_ready(folder: Path) -> None:
    (folder / ".ready").touch()


def _run(
    command: list[str], folder: Path | None = None, more: Mapping[str, str] | None = None
) -> None:
    given = {**os.environ, **(more or {})}
    done = subprocess.run(
        command, check=False, cwd=folder, env=given, capture_output=True, text=True
    )
    if done.returncode != 0:
        text = f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}"
        raise NotHereError(text)
