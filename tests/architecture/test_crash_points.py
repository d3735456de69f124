"""Around every commit and every publish there is a crash point, and each point is tried.

Found in the source: who obtains a connection and awaits a statement that writes, and who hands
records to Kafka. Only names are followed, so a reader that shares a writer's name counts as one.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import pytest

from architecture.sources import name_of, written
from sagakit.shell.crash_points import Point

SERVICES: Final = ("sagakit", "payment", "inventory", "shipment", "order", "orchestrator")
CONNECTING: Final = {"acquire", "_connect"}
STATEMENTS: Final = {"execute", "executemany", "fetch", "fetchrow", "fetchval"}
PUBLISHING: Final = {"publish_soon", "produce", "commit"}
"""The first is the door to the producer, the last the consumer's, which stores offsets."""

PASSED_BEFORE: Final = {"produce"}
"""Called by those who have passed a point after their commit."""

WRITING_SQL: Final = re.compile(r"INSERT INTO|UPDATE \w|DELETE FROM")
ANY_WRITER: Final = {"write"}
"""Writes whatever it is given."""

SITES_MIN: Final = 14


@dataclass(slots=True)
class Function:
    """One function: what it awaits and calls, its open transactions, its crash points, by line."""

    where: str
    calls: list[tuple[str, int]] = field(default_factory=list)
    awaited: list[tuple[str, int]] = field(default_factory=list)
    transactions: list[tuple[int, int]] = field(default_factory=list)
    points: list[tuple[str, int]] = field(default_factory=list)
    words: str = ""
    is_given_a_connection: bool = False

    @property
    def name(self) -> str:
        return self.where.rpartition(" ")[2]


@dataclass(slots=True)
class Source:
    """Every function that was read, and the constants that they may name."""

    functions: list[Function] = field(default_factory=list)

    def read(self, text: str, where: str) -> None:
        tree = ast.parse(text)
        constants = dict(_constants(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.functions.append(_function(node, f"{where} {node.name}", constants))

    def writers(self) -> set[str]:
        """Who writes, and who is given a connection and awaits such a one."""
        found = {one.name for one in self.functions if WRITING_SQL.search(one.words)} | ANY_WRITER
        given = [one for one in self.functions if one.is_given_a_connection]
        return found | {one.name for one in given if {name for name, _ in one.awaited} & found}

    def bare(self) -> tuple[list[str], list[str]]:
        """Where a commit or a publish is, and of those the ones without their points."""
        sites, bare = [], []
        writers = self.writers()
        for one in self.functions:
            for what, before, after in _sites(one, writers):
                sites.append(one.where)
                lines = [line for _, line in one.points]
                if not any(line in before for line in lines) and what not in PASSED_BEFORE:
                    bare.append(f"{one.where}: no crash point before {what}")
                if not any(line in after for line in lines):
                    bare.append(f"{one.where}: no crash point after {what}")
        return sites, bare


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, ast.unparse(value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, ast.unparse(value)
            case _:
                pass


def _called(node: ast.AST) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
        case _:
            return None


def _function(
    node: ast.FunctionDef | ast.AsyncFunctionDef, where: str, constants: dict[str, str]
) -> Function:
    given = any(argument.arg == "connection" for argument in node.args.args)
    found = Function(where, words=ast.unparse(node), is_given_a_connection=given)
    for one in ast.walk(node):
        match one:
            case ast.Call(func=ast.Name(id="reached"), args=[ast.Attribute(attr=point), *_]):
                found.points.append((point, one.lineno))
            case ast.Await(value=value) if (name := _called(value)) is not None:
                found.awaited.append((name, one.lineno))
            case ast.AsyncWith(items=items) if any(map(_opens_transaction, items)):
                found.transactions.append((one.lineno, one.end_lineno or one.lineno))
            case ast.Name(id=name) if name in constants:
                found.words += constants[name]
            case _:
                pass
        if isinstance(one, ast.Call) and (name := _called(one)) is not None:
            found.calls.append((name, one.lineno))
    return found


def _opens_transaction(item: ast.withitem) -> bool:
    """The driver's own has no arguments; the kit's is told its purpose, and has its own points."""
    call = item.context_expr
    return _called(call) == "transaction" and isinstance(call, ast.Call) and not call.args


def _sites(one: Function, writers: set[str]) -> Iterator[tuple[str, range, range]]:
    """Each commit and publish of a function: what it is, and where its points must be."""
    begin, end = 0, 1_000_000
    for name, line in one.calls:
        if name in PUBLISHING:
            yield name, range(begin, line), range(line + 1, end)
    connected = one.transactions or {name for name, _ in one.calls} & CONNECTING
    writes_itself = one.name in writers and WRITING_SQL.search(one.words)
    writing = writers | (STATEMENTS if writes_itself else set())
    lines = [line for name, line in one.awaited if name in writing] if connected else []
    for first, last in one.transactions:
        if any(first <= line <= last for line in lines):
            yield "the transaction's commit", range(first, last + 1), range(last + 1, end)
    for line in lines:
        if not any(first <= line <= last for first, last in one.transactions):
            yield "a statement's commit", range(begin, line), range(line + 1, end)


@cache
def _production() -> Source:
    source = Source()
    for package in SERVICES:
        for path in written(".py", under=f"services/{package}/"):
            source.read(path.read_text(), name_of(path).removeprefix("services/"))
    return source


def test_every_commit_and_every_publish_is_between_two_points() -> None:
    sites, bare = _production().bare()
    assert len(sites) >= SITES_MIN, sites
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize("point", Point)
def test_a_point_is_passed_somewhere(point: Point) -> None:
    passed = {name for one in _production().functions for name, _ in one.points}
    assert point.name in passed


STATEMENT: Final = """
async def keep(pool):
    async with pool.acquire() as connection:
        {before}
        await connection.execute("DELETE FROM cups")
        {after}
"""
TRANSACTION: Final = """
async def keep(pool):
    async with pool.acquire() as connection, connection.transaction():
        await write(connection, [])
        {before}
    {after}
"""
PUBLISH: Final = """
async def keep(runtime, rows):
    {before}
    runtime.publish_soon(rows)
    {after}
"""


@pytest.mark.parametrize("text", [STATEMENT, TRANSACTION, PUBLISH])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("after", [True, False])
def test_a_missing_point_is_seen(text: str, before: bool, after: bool) -> None:
    source = Source()
    said = {True: "reached(Point.GIVEN)", False: "pass"}
    source.read(text.format(before=said[before], after=said[after]), "here.py")
    sites, bare = source.bare()
    assert sites
    assert [("before" in one, "after" in one) for one in bare] == [
        *([(True, False)] if not before else []),
        *([(False, True)] if not after else []),
    ]
