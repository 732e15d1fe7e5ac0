"""A table of PostgreSQL beside files: the same values are equal, and each changed cell is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from adbc_driver_postgresql import dbapi

from counterpoint.diff import TableDiff, diff
from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 30_000
TABLE = """create schema shop;
create table shop."Orders" (id bigint primary key, amount double precision, price numeric(12, 2),
  who text, paid boolean, at timestamptz, day date);
insert into shop."Orders" select n, n * 0.5, (n % 1000) / 100.0, nullif('w' || n % 7, 'w3'), n % 2 = 0,
  timestamptz '2026-01-01 00:00:00+00' + n * interval '1 second', date '2026-01-01' + n % 9
from generate_series(1, {rows}) n"""


@pytest.fixture(scope="module")
def orders(postgres: str) -> str:
    """The table, by its place."""
    with dbapi.connect(postgres) as connection, connection.cursor() as cursor:
        for statement in TABLE.format(rows=ROWS).split(";"):
            cursor.execute(statement)
        connection.commit()
    return f"{postgres}?table=shop.Orders"


def same() -> pl.DataFrame:
    number = pl.int_range(1, ROWS + 1)
    began = pl.datetime(2026, 1, 1, time_zone="UTC")
    return pl.select(id=number).with_columns(
        amount=pl.col("id") * 0.5,
        price=((pl.col("id") % 1000) / 100).cast(pl.Decimal(12, 2)),
        who=pl.when(pl.col("id") % 7 != 3).then(pl.format("w{}", pl.col("id") % 7)),
        paid=pl.col("id") % 2 == 0,
        at=began + pl.duration(seconds=pl.col("id")),
        day=pl.date(2026, 1, 1) + pl.duration(days=pl.col("id") % 9),
    )


def found(tmp_path: Path, left: str, rows: pl.DataFrame) -> TableDiff:
    rows.write_parquet(tmp_path / "orders.parquet")
    told = diff(str(tmp_path), left, str(tmp_path / "orders.parquet"))
    assert isinstance(told, TableDiff)
    return told


def test_the_same_values_are_equal(orders: str, tmp_path: Path) -> None:
    told = found(tmp_path, orders, same().sample(fraction=1, shuffle=True, seed=7))
    assert told.equal, told.to_dict()
    assert (told.rows.left, told.key and told.key.columns) == (ROWS, ("id",))


def test_each_changed_cell_is_found(orders: str, tmp_path: Path) -> None:
    at = pl.col("id") == 12_345
    changed = same().with_columns(
        price=pl.when(at).then(pl.lit("99.99").cast(pl.Decimal(12, 2))).otherwise("price"),
        who=pl.when(at).then(None).otherwise("who"),
    )
    told = found(tmp_path, orders, changed)
    assert not told.equal
    assert {column.name: column.changed for column in told.columns if column.changed} == {"price": 1, "who": 1}


def test_a_table_that_is_not_there_is_named(postgres: str, tmp_path: Path) -> None:
    same().head(1).write_parquet(tmp_path / "orders.parquet")
    with pytest.raises(UsageError, match=r'relation "shop.none" does not exist.*check server, table and rights'):
        diff(str(tmp_path), f"{postgres}?table=shop.none", str(tmp_path / "orders.parquet"))


def test_the_copy_is_gone_afterwards(orders: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert found(tmp_path, orders, same()).equal
    assert not list((tmp_path / "temporary").iterdir())
