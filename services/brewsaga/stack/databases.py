"""One database and one login a service, on one server, and the schema in them, brought up to date.

A service's role may connect to its own database and to no other, is no superuser, and owns nothing:
the schema's files grant what it needs. Its password is derived from the admin's by scrypt and HMAC,
so that every process which may administer the server knows it and no further file keeps it. Which
tables there are is the files' business.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from brewsaga.stack.config import StackError
from brewsaga.stack.database_session import for_database, run_blocking

STATEMENT_TIMEOUT_SECONDS = 30
LOCK_TIMEOUT_SECONDS = 10
IDLE_IN_TRANSACTION_TIMEOUT_SECONDS = 30
ROLES_LOCK = 0x62726577_73616761  # advisory lock keys: "brewsaga" and "migrates" in ASCII
MIGRATIONS_LOCK = 0x6D696772_61746573
SERVICE_ROLE_MARK = ":service_role"
EVERY_SERVICE = "every"


@dataclass(frozen=True)
class MigrationFile:
    """One file of the schema, named by its folder and its own name."""

    name: str
    text: str


@dataclass(frozen=True)
class Login:
    """One role, its password, and the one database it may connect to."""

    database: str
    role: str
    password: str

    @classmethod
    def of(cls, url: str) -> "Login":
        """Whom a DATABASE_URL logs in, and where."""
        parts = urlsplit(url)
        names = (parts.path.removeprefix("/"), parts.username or "", parts.password or "")
        return cls(*(unquote(name) for name in names))


def ensure_databases(admin_url: str, prefix: str, services: Sequence[str]) -> dict[str, str]:
    """Make what is missing and return DATABASE_URL by service; safe to run twice and at once."""
    key = _password_key(admin_url)
    logins = {}
    for service in services:
        name = f"{prefix}{service}"
        logins[service] = Login(
            name, name, hmac.new(key, name.encode(), hashlib.sha256).hexdigest()
        )
    ensure_logins(admin_url, list(logins.values()))
    return {
        service: for_database(admin_url, login.database, login.role, login.password)
        for service, login in logins.items()
    }


def ensure_logins(
    admin_url: str, logins: Sequence[Login], readers: Sequence[Login] = (), *, create: bool = True
) -> None:
    """Databases and roles that are missing, and what each role may; safe to run twice and at once.

    `readers` may read every table of their databases and write none. Without `create` the roles and
    databases are there already, the databases owned by whom `admin_url` names.
    """
    try:
        run_blocking(_ensure_logins(admin_url, logins, readers, create=create))
    except asyncpg.InsufficientPrivilegeError as error:
        raise StackError(
            f"cannot make databases and roles ({error.args[0]}): name a user who may, such as"
            " postgres, in BREWSAGA_POSTGRES_ADMIN_URL"
        ) from error


def migrate(admin_url: str, prefix: str, db_folder: Path, services: Sequence[str]) -> list[str]:
    """`migrate_logins` where database and role are named by prefix and service."""
    names = {service: f"{prefix}{service}" for service in services}
    return migrate_logins(
        admin_url, {service: Login(name, name, "") for service, name in names.items()}, db_folder
    )


def migrate_logins(admin_url: str, logins: Mapping[str, Login], db_folder: Path) -> list[str]:
    """Apply db/every/*.sql, then db/<service>/*.sql, and return what was applied.

    Each file is applied once and in one transaction, also when two processes try. A file that
    was changed after it was applied is an error that names it.
    """
    return run_blocking(_migrate(admin_url, logins, db_folder))


def drop_databases(admin_url: str, prefix: str, services: Sequence[str]) -> None:
    """Remove the databases and roles of this prefix, ending their sessions."""
    run_blocking(_drop_databases(admin_url, prefix, services))


def _password_key(admin_url: str) -> bytes:
    password = unquote(urlsplit(admin_url).password or "")
    if not password:
        raise StackError(
            "the Postgres admin URL has no password, from which the services' are derived: add one,"
            " postgresql://user:password@host:port/postgres"
        )
    return hashlib.scrypt(password.encode(), salt=b"brewsaga-roles", n=2**14, r=8, p=1, dklen=32)


async def _ensure_logins(
    admin_url: str, logins: Sequence[Login], readers: Sequence[Login], *, create: bool
) -> None:
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute("SELECT pg_advisory_lock($1)", ROLES_LOCK)
        if create:
            for role, password in dict.fromkeys((one.role, one.password) for one in logins):
                await _ensure_role(admin, role, password)
            for role, password in dict.fromkeys((one.role, one.password) for one in readers):
                await _ensure_role(admin, role, password)
                await _execute_quoted(admin, "GRANT pg_read_all_data TO %I", role)
            for login in logins:
                await _ensure_database(admin, login.database)
        for login in logins:
            await _execute_quoted(admin, "REVOKE ALL ON DATABASE %I FROM PUBLIC", login.database)
        for login in (*logins, *readers):
            await _execute_quoted(
                admin, "GRANT CONNECT ON DATABASE %I TO %I", login.database, login.role
            )
    finally:
        await admin.close()  # which gives the lock back
    for login in logins:
        await _ensure_schema_usage(for_database(admin_url, login.database), login.role)


async def _ensure_role(admin: asyncpg.Connection, name: str, password: str) -> None:
    exists = await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name)
    rights = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION"
    verb = "ALTER" if exists else "CREATE"
    await _execute_quoted(admin, f"{verb} ROLE %I {rights} PASSWORD %L", name, password)
    for setting, seconds in (
        ("statement_timeout", STATEMENT_TIMEOUT_SECONDS),
        ("lock_timeout", LOCK_TIMEOUT_SECONDS),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT_SECONDS),
    ):
        await _execute_quoted(admin, f"ALTER ROLE %I SET {setting} = '{seconds}s'", name)


async def _ensure_database(admin: asyncpg.Connection, name: str) -> None:
    if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
        await _execute_quoted(admin, "CREATE DATABASE %I", name)


async def _ensure_schema_usage(url: str, role: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", ROLES_LOCK)
            await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            await _execute_quoted(connection, "GRANT USAGE ON SCHEMA public TO %I", role)
    finally:
        await connection.close()


async def _execute_quoted(connection: asyncpg.Connection, template: str, *values: str) -> None:
    """Run a statement that takes no parameters; Postgres itself quotes the values into it."""
    marks = ", ".join(f"${n}::text" for n in range(2, len(values) + 2))
    statement = await connection.fetchval(f"SELECT format($1, {marks})", template, *values)
    await connection.execute(statement)


async def _migrate(admin_url: str, logins: Mapping[str, Login], db_folder: Path) -> list[str]:
    applied = []
    for service, login in logins.items():
        files = _files(db_folder, service)
        connection = await asyncpg.connect(for_database(admin_url, login.database))
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", MIGRATIONS_LOCK)
            await _ensure_register(connection, login.role)
            new = [file for file in files if await _apply(connection, file, login.role)]
            applied += [f"{service}: {file.name}" for file in new]
        finally:
            await connection.close()
    return applied


async def _ensure_register(connection: asyncpg.Connection, role: str) -> None:
    """What was applied stands in a table, which the service may read: it waits for its schema."""
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        " name text PRIMARY KEY, sha256 text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    await _execute_quoted(connection, "GRANT SELECT ON schema_migrations TO %I", role)


def _files(db_folder: Path, service: str) -> list[MigrationFile]:
    if not (db_folder / service).is_dir():
        raise StackError(f"{db_folder} has no folder {service} with its schema")
    folders = (db_folder / EVERY_SERVICE, db_folder / service)
    paths = [path for folder in folders for path in sorted(folder.glob("*.sql"))]
    return [
        MigrationFile(f"{path.parent.name}/{path.name}", path.read_text(encoding="utf-8"))
        for path in paths
    ]


async def _apply(connection: asyncpg.Connection, file: MigrationFile, role: str) -> bool:
    """Apply one file if it was not applied before; whether it was applied now."""
    checksum = hashlib.sha256(file.text.encode()).hexdigest()
    known = await connection.fetchval(
        "SELECT sha256 FROM schema_migrations WHERE name = $1", file.name
    )
    if known is not None:
        if known != checksum:
            raise StackError(
                f"{file.name} was changed after it was applied"
                f" (SHA-256 {checksum[:12]}, applied {known[:12]}):"
                " put it back and write a new file, or remove the stack's data with `wipe`"
            )
        return False
    quoted_role = await connection.fetchval("SELECT quote_ident($1)", role)
    try:
        async with connection.transaction():
            await connection.execute(file.text.replace(SERVICE_ROLE_MARK, quoted_role))
            await connection.execute(
                "INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)", file.name, checksum
            )
    except asyncpg.PostgresError as error:
        raise StackError(f"{file.name} fails: {error}") from error
    return True


async def _drop_databases(admin_url: str, prefix: str, services: Sequence[str]) -> None:
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute("SELECT pg_advisory_lock($1)", ROLES_LOCK)
        for service in services:
            name = f"{prefix}{service}"
            await _execute_quoted(admin, "DROP DATABASE IF EXISTS %I WITH (FORCE)", name)
            await _execute_quoted(admin, "DROP ROLE IF EXISTS %I", name)
    finally:
        await admin.close()
