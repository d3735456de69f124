"""Kafka's jars from Maven Central, pinned by SHA-256 and fetched by jgo, without mvn or java.

`kafka-jars.lock` beside this file is the resolved list; `python -m brewsaga.stack pin` writes it
anew. Jars that the machine's own Maven repository holds are taken from there, and a mirror named in
the user's Maven settings, or in BREWSAGA_MAVEN_REPOSITORY, is asked in Central's place. Nothing is
used whose checksum differs.
"""

import hashlib
import os
import shutil
import ssl
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brewsaga.stack.config import StackError, cache_dir, made
from brewsaga.stack.progress import tell

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION = "4.4.0"
# With log4j's binding in place of slf4j-simple, jgo follows log4j's own bill of materials to
# older Kafka clients, with which the broker dies.
WANTED = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
LOCK_FILE = Path(__file__).with_name("kafka-jars.lock")
DOWNLOADS_AT_ONCE = 6
REQUEST_TIMEOUT_SECONDS = 20
MIRRORS_OF_CENTRAL = {"*", "central", "external:*", "external:http:*"}


class JarsUnavailableError(StackError):
    """There is no way to Kafka's jars now; the embedded broker may take its place."""


@dataclass(frozen=True)
class Jar:
    """One pinned jar."""

    coordinate: str  # group:artifact:version
    sha256: str

    @property
    def name(self) -> str:
        """The jar's file name."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def pinned() -> tuple[Jar, ...]:
    """The jars of the lock file."""
    lines = LOCK_FILE.read_text().splitlines()
    fields = [line.split() for line in lines if line and not line.startswith("#")]
    return tuple(Jar(coordinate, sha256) for coordinate, sha256 in fields)


def jars_folder(room: Callable[[str, Path], Path]) -> Path:
    """The folder with all jars, fetched if need be; JarsUnavailableError where that fails.

    `room` makes a folder, by a prefix and in a parent, that is removed also after a crash.
    """
    jars = pinned()
    lock = hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()[:12]
    folder = cache_dir() / f"kafka-{KAFKA_VERSION}-{lock}"
    if os.pathsep in str(folder):
        raise StackError(
            f"Java takes {os.pathsep!r} for the end of a folder's name, and there is one in"
            f" {folder}: name another by BREWSAGA_CACHE"
        )
    if os.path.isdir(folder):  # noqa: PTH112 - no error where the way there is closed
        return folder  # it was renamed into place when it was complete
    made(folder.parent, "name another folder for downloads by BREWSAGA_CACHE")
    tell(f"fetching Apache Kafka {KAFKA_VERSION}, {len(jars)} jars, once, into {folder}")
    scratch = room("fetching-", folder.parent)
    try:
        complete = scratch / "jars"
        complete.mkdir()
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool, _trust_of_this_machine():
            context = _maven(scratch / "repository")
            sizes = [_fetch(context, jars[0], complete)]  # alone: no way there shows at once
            sizes += pool.map(lambda jar: _fetch(context, jar, complete), jars[1:])
        try:
            complete.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster, and its jars are the same
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    tell(f"fetched {sum(sizes) / 1e6:.0f} MB, every checksum as pinned")
    return folder


def _fetch(context: "MavenContext", jar: Jar, folder: Path) -> int:
    """One jar into the folder, checked; its size in bytes."""
    target = folder / jar.name
    own = _machines_own_repository() / _path_in_repository(jar)
    if own.is_file() and _sha256(own) == jar.sha256:
        shutil.copyfile(own, target)
        return target.stat().st_size
    group, artifact, version = jar.coordinate.split(":")
    try:
        found = context.project(group, artifact).at_version(version).artifact().resolve()
    except Exception as error:  # jgo lets through whatever its HTTP library raises
        raise JarsUnavailableError(
            f"cannot fetch {jar.coordinate} from Maven Central ({_root(error)}); a network,"
            " or a mirror that BREWSAGA_MAVEN_REPOSITORY names, is needed this once"
        ) from error
    actual = _sha256(found)
    if actual != jar.sha256:
        raise StackError(f"{jar.coordinate} has SHA-256 {actual}, pinned is {jar.sha256}: not used")
    found.rename(target)
    return target.stat().st_size


def _root(error: BaseException) -> BaseException:
    """The first cause: what wraps it repeats addresses and says no more."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def write_lock() -> Sequence[str]:
    """Resolve anew what Kafka needs and write the lock file; for whoever raises Kafka's version."""
    with tempfile.TemporaryDirectory() as scratch, _trust_of_this_machine():
        context = _maven(Path(scratch))
        wanted = [context.create_dependency(coordinate) for coordinate in WANTED]
        direct, transitive = context.resolver.resolve(wanted)
        needed = [*direct, *(d for d in transitive if d.scope in ("compile", "runtime"))]
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            paths = list(pool.map(lambda dependency: dependency.artifact.resolve(), needed))
        lines = sorted(
            f"{dependency.groupId}:{dependency.artifactId}:{dependency.version} {_sha256(path)}"
            for dependency, path in zip(needed, paths, strict=True)
        )
    heading = (
        f"# Apache Kafka {KAFKA_VERSION} and what it needs,"
        " as `python -m brewsaga.stack pin` resolved it: group:artifact:version sha256"
    )
    LOCK_FILE.write_text("\n".join([heading, *lines]) + "\n")
    return lines


def _maven(repository: Path) -> "MavenContext":
    """The way to Maven Central, or to the mirror this machine's user has set in its place."""
    try:
        from jgo.maven import MavenContext
    except ImportError as error:
        raise JarsUnavailableError("jgo is not installed: pip install 'brewsaga[local]'") from error
    mirror = os.environ.get("BREWSAGA_MAVEN_REPOSITORY") or _mirror_in_settings()
    return MavenContext(
        repo_cache=repository,
        remote_repos={"central": mirror.rstrip("/")} if mirror else None,
        timeout=REQUEST_TIMEOUT_SECONDS,
    )


def _mirror_in_settings() -> str | None:
    """The mirror of Central in ~/.m2/settings.xml, where there is one."""
    settings = Path.home() / ".m2" / "settings.xml"
    try:
        root = ET.parse(settings).getroot()  # noqa: S314 - the user's own file
    except (OSError, ET.ParseError):
        return None
    for mirror in root.iterfind("{*}mirrors/{*}mirror"):
        of = {name.strip() for name in (mirror.findtext("{*}mirrorOf") or "").split(",")}
        if of & MIRRORS_OF_CENTRAL and "!central" not in of:
            return mirror.findtext("{*}url")
    return None


def _machines_own_repository() -> Path:
    return Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")


def _path_in_repository(jar: Jar) -> Path:
    group, artifact, version = jar.coordinate.split(":")
    return Path(*group.split("."), artifact, version, jar.name)


def _sha256(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


@contextmanager
def _trust_of_this_machine() -> Iterator[None]:
    """Trust the certificates that this machine trusts: SSL_CERT_FILE, or its own store.

    jgo's HTTP library has a list of its own, which does not know a company's proxy.
    """
    name = "REQUESTS_CA_BUNDLE"
    authorities = ssl.get_default_verify_paths().cafile
    chosen = any(variable in os.environ for variable in (name, "CURL_CA_BUNDLE"))
    if chosen or not authorities:
        yield
        return
    os.environ[name] = authorities
    try:
        yield
    finally:
        os.environ.pop(name, None)
