"""A new database of Prefect: a copy of one that Prefect itself has migrated, without a row."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.prefect

from counterpoint_prefect import database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def content(path: Path) -> Iterator[tuple[Any, ...]]:
    """The rows of all tables, and what made each."""
    with closing(sqlite3.connect(path)) as connection:
        yield from connection.execute("select name, sql from sqlite_master where sql is not null order by name")
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        for name in tables:
            yield from ((name, *row) for row in connection.execute(f'select * from "{name}"'))  # noqa: S608 - a table's


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_it_is_what_prefect_makes_and_is_made_once(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as a team's own installation would set it: neither is its database migrated, nor its profile read
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", f"sqlite+aiosqlite:///{tmp_path}/theirs.db")
    first, second = tmp_path / "first", tmp_path / "second"
    for home in (first, second):
        home.mkdir()
    database.prepare(first)
    monkeypatch.setattr(database, "_migrated", lambda: pytest.fail("it was migrated again"))
    database.prepare(second)
    made = list(content(first / "prefect.db"))
    assert [row for row in made if row[0] == "alembic_version"][1:], "it was migrated"
    assert {row[0] for row in made if len(row) != 2 or row[0] == "alembic_version"} == {"alembic_version"}
    assert list(content(second / "prefect.db")) == made
    assert {path.stat().st_mode & 0o777 for path in (first / "prefect.db", *cache.rglob("*.db"))} == {0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "first", "second"]


def test_one_that_is_there_is_left_alone(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_migrated", lambda: pytest.fail("it was migrated"))
    (tmp_path / "prefect.db").write_bytes(b"theirs")
    database.prepare(tmp_path)
    assert (tmp_path / "prefect.db").read_bytes() == b"theirs"
    assert not cache.exists()


@pytest.mark.parametrize("what", ["no cache can be written", "another user's", "no command"])
def test_where_it_cannot_be_the_server_makes_its_own(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(database, "_migrated", lambda: b"migrated")
    if what == "no cache can be written":
        cache.write_text("a file", encoding="utf-8")
    if what == "another user's":
        database.prepare(tmp_path)
        (tmp_path / "prefect.db").unlink()
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    if what == "no command":
        monkeypatch.undo()
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        monkeypatch.setattr(database.sys, "executable", str(tmp_path / "missing"))
    database.prepare(tmp_path)
    assert not (tmp_path / "prefect.db").exists()
