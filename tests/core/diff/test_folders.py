"""Folders of Parquet files that are not all alike, types without room for a value, and what cannot be read at all."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., tuple[int, Any, str]]

D = pl.DataFrame
DAYS = [dt.datetime.fromisoformat(f"2024-01-0{n}") for n in (1, 2)]
NS = D({"id": [1], "x": [DAYS[0]]}, schema_overrides={"x": pl.Datetime("ns")})


def put(place: Path, frame: pl.DataFrame | pa.Table) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(frame, pl.DataFrame):
        frame.write_parquet(place)
    else:
        parquet.write_table(frame, place)
    return place


@pytest.mark.parametrize(
    ("one", "other", "whole"),
    [
        (D({"id": [1], "x": [1]}), D({"id": [2]}), {"id": [1, 2], "x": [1, None]}),
        (D({"id": [1]}), D({"x": [1], "id": [2]}), {"id": [1, 2], "x": [None, 1]}),
        (
            D({"id": [1], "x": [1]}, schema_overrides={"x": pl.Int32}),
            D({"id": [2], "x": [2]}),
            {"id": [1, 2], "x": [1, 2]},
        ),
        (D({"id": [1], "x": [None]}), D({"id": [2], "x": [2]}), {"id": [1, 2], "x": [None, 2]}),
        (
            D({"id": [1], "x": ["a"]}, schema_overrides={"x": pl.Categorical}),
            D({"id": [2], "x": ["b"]}),
            {"id": [1, 2], "x": ["a", "b"]},
        ),
        (
            NS,
            D({"id": [2], "x": [DAYS[1]]}),
            {"id": [1, 2], "x": [DAYS[0], DAYS[1]]},
        ),
        (
            D({"id": [1], "x": [{"a": 1}]}),
            D({"id": [2], "x": [{"b": "t", "a": 2}]}),
            {"id": [1, 2], "x": [{"a": 1, "b": None}, {"a": 2, "b": "t"}]},
        ),
    ],
)
def test_files_of_one_folder_may_be_alike(
    tmp_path: Path, command: Command, one: D, other: D, whole: dict[str, Any]
) -> None:
    put(tmp_path / "f" / "a.parquet", one)
    put(tmp_path / "f" / "b.parquet", other)
    code, document, told = command(tmp_path / "f", put(tmp_path / "w.parquet", D(whole)), "--key", "id")
    assert (code, document and document["equal"]) == (0, True), told


def test_files_that_are_not_alike_are_named(tmp_path: Path, command: Command) -> None:
    put(tmp_path / "f" / "a.parquet", D({"x": [1]}))
    put(tmp_path / "f" / "b.parquet", D({"x": ["a"]}))
    code, _, told = command(tmp_path / "f", tmp_path / "f")
    assert code == 2
    assert "b.parquet: column 'x' is String, and in " in told
    assert "a.parquet Int64, which are not alike" in told


def test_what_spark_and_hive_leave_out_is_no_data(tmp_path: Path, command: Command) -> None:
    whole = put(tmp_path / "w.parquet", D({"id": [1]}))
    put(tmp_path / "f" / "part-0.parquet", D({"id": [1]}))
    for hidden in ("_temporary/0/part-1.parquet", ".ipynb_checkpoints/part-0.parquet", "_x.parquet", ".x.parquet"):
        put(tmp_path / "f" / hidden, D({"id": [9]}))
    assert command(tmp_path / "f", whole)[0] == 0


def test_names_of_folders_are_texts(tmp_path: Path, command: Command) -> None:
    for side, names in (("l", ("007", "a%2Fb", "__HIVE_DEFAULT_PARTITION__")), ("r", ("7", "a%2Fb", "c"))):
        for number, name in enumerate(names):
            put(tmp_path / side / f"store={name}" / "p.parquet", D({"id": [number]}))
    code, document, _ = command(tmp_path / "l", tmp_path / "r", "--key", "id")
    assert (code, [(s["left"], s["right"]) for s in document["samples"]]) == (4, [("007", "7"), (None, "c")])


@pytest.mark.parametrize(
    ("names", "values", "changed"),
    [
        (("7", "12"), [7, 12], 0),
        (("007", "12"), [7, 12], 1),
        (("007", "12"), ["007", "12"], 0),
        (("2024-01-01", "2024-01-02"), ["2024-01-01", "2024-01-02"], 0),
        (("2024-01-01", "2024-01-02"), [dt.date(2024, 1, 1), dt.date(2024, 1, 2)], 0),
    ],
)
def test_names_of_folders_take_the_type_of_the_other_side(
    tmp_path: Path, command: Command, names: tuple[str, ...], values: list[Any], changed: int
) -> None:
    for number, name in enumerate(names):
        put(tmp_path / "l" / f"k={name}" / "p.parquet", D({"id": [number]}))
    right = put(tmp_path / "r.parquet", D({"id": [0, 1], "k": values}))
    code, document, _ = command(tmp_path / "l", right, "--key", "id")
    assert (code, document["rows"]["changed"]) == (4 if changed else 0, changed)


def test_a_file_beside_folders_is_named(tmp_path: Path, command: Command) -> None:
    put(tmp_path / "f" / "day=2024-01-01" / "p.parquet", D({"id": [1]}))
    put(tmp_path / "f" / "p.parquet", D({"id": [2]}))
    code, _, told = command(tmp_path / "f", tmp_path / "f")
    assert (code, len(told.splitlines())) == (2, 1)
    assert "p.parquet lies in no such folder" in told


def date32(days: int) -> pa.Table:
    return pa.table({"id": [1], "x": pa.array([days], pa.int32()).cast(pa.date32())})


def stamp(number: Any, unit: str) -> pa.Table:
    return pa.table({"id": [1], "x": pa.array([number], pa.timestamp(unit))})


def decimal(value: str, scale: int) -> pa.Table:
    return pa.table({"id": [1], "x": pa.array([Decimal(value)], pa.decimal128(38, scale))})


@pytest.mark.parametrize(
    ("left", "right", "shown"),
    [
        (date32(6_000_000), date32(6_000_001), ("+18397-06-11", "+18397-06-12")),
        (stamp(-62_200_000_000_000_000, "us"), stamp(0, "us"), ("-0002-12-17 14:13:20.000000", "1970-01-01T00:00:00")),
        (stamp(253402214400000000, "us"), stamp(None, "ns"), ("9999-12-31T00:00:00", None)),
        (
            stamp(253402214400000000, "us"),
            stamp(1, "ns"),
            ("9999-12-31 00:00:00.000000000", "1970-01-01 00:00:00.000000001"),
        ),
        (decimal("9" * 38, 0), decimal("1.5", 10), ("9" * 38, "1.5")),
    ],
)
def test_values_that_one_type_has_no_room_for_are_compared(
    tmp_path: Path, command: Command, left: pa.Table, right: pa.Table, shown: tuple[Any, Any]
) -> None:
    code, document, told = command(put(tmp_path / "l.parquet", left), put(tmp_path / "r.parquet", right))
    assert (code, told.count("\n")) == (4, 1)
    assert [(sample["left"], sample["right"]) for sample in document["samples"]] == [shown]
    assert command(tmp_path / "l.parquet", tmp_path / "l.parquet")[0] == 0


def test_equal_values_of_other_units_and_scales_are_equal_as_texts(tmp_path: Path, command: Command) -> None:
    numbers = pa.table({"id": [1, 2], "v": pa.array([Decimal("9" * 38), Decimal(15)], pa.decimal128(38, 0))})
    others = pa.table({"id": [1, 2], "v": pa.array([None, Decimal("15.00")], pa.decimal128(38, 2))})
    code, document, _ = command(put(tmp_path / "l.parquet", numbers), put(tmp_path / "r.parquet", others))
    assert (code, document["rows"]["changed"]) == (4, 1)


def test_fields_of_a_struct_may_be_in_another_order(tmp_path: Path, command: Command) -> None:
    left = put(tmp_path / "l.parquet", D({"id": [1, 2], "v": [{"a": 1, "b": [{"c": 1, "d": 2}]}, None]}))
    right = put(tmp_path / "r.parquet", D({"id": [1, 2], "v": [{"b": [{"d": 2, "c": 1}], "a": 1}, None]}))
    assert command(left, right)[0] == 0


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pa.table({"t": pa.array([0]).cast(pa.timestamp("us", "+05:30"))}), "column 't' has the time zone '+05:30'"),
        (pa.table({"v": pa.array([Decimal(1)], pa.decimal256(50, 2))}), "column 'v' is decimal256(50, 2)"),
    ],
)
def test_what_has_no_type_here_is_named(tmp_path: Path, command: Command, table: pa.Table, said: str) -> None:
    place = put(tmp_path / "f" / "t.parquet", table)
    for operand in (place, place.parent):
        code, document, told = command(operand, operand)
        assert (code, document, len(told.splitlines())) == (2, None, 1)
        assert said in told


def test_a_file_that_is_damaged_within_is_named(tmp_path: Path, command: Command) -> None:
    put(tmp_path / "f" / "a.parquet", D({"id": range(5000)}))
    place = put(tmp_path / "f" / "b.parquet", D({"id": range(5000, 10000)}))
    data = bytearray(place.read_bytes())
    data[4:200] = b"\xff" * 196  # the head of the first page
    place.write_bytes(data)
    code, document, told = command(tmp_path / "f", tmp_path / "f")
    assert (code, document) == (2, None)
    assert f"{place} cannot be read: " in told


def test_two_thousand_columns_take_seconds(tmp_path: Path, command: Command) -> None:
    left = D({"id": [1, 2], **{f"c{n}": [float(n), None] for n in range(2000)}})
    right = left.with_columns(pl.col("c1999") + 0.5)
    places = put(tmp_path / "l.parquet", left), put(tmp_path / "r.parquet", right)
    code, document, _ = command(*places, "--key", "id")
    assert (code, document["rows"]["changed"]) == (4, 1)


def nested(unit: str, moment: dt.datetime) -> pa.Table:
    kind = pa.timestamp(unit)
    struct = pa.array([{"t": moment}], pa.struct([("t", kind)]))
    return pa.table({"id": [1], "s": struct, "l": pa.array([[moment, None]], pa.list_(kind))})


def test_values_within_lists_and_structs_have_room(tmp_path: Path, command: Command) -> None:
    end = dt.datetime.fromisoformat("9999-12-31")
    left = put(tmp_path / "l.parquet", nested("us", end))
    code, document, told = command(left, put(tmp_path / "r.parquet", nested("ns", DAYS[0])), "--key", "id")
    assert (code, document and document["rows"]["changed"]) == (4, 1), told
    assert command(left, put(tmp_path / "m.parquet", nested("ms", end)), "--key", "id")[0] == 0


def test_files_of_a_folder_have_room_for_each_other(tmp_path: Path, command: Command) -> None:
    end = dt.datetime.fromisoformat("9999-12-31")
    for name, unit, moment in (("a", "us", end), ("b", "ns", DAYS[0])):
        put(tmp_path / "f" / f"{name}.parquet", pa.table({"x": pa.array([moment], pa.timestamp(unit))}))
    whole = put(tmp_path / "w.parquet", D({"x": [DAYS[0], end]}))
    assert command(tmp_path / "f", whole)[0] == 0
    put(tmp_path / "f" / "b.parquet", pa.table({"x": pa.array([1], pa.timestamp("ns"))}))
    code, _, told = command(tmp_path / "f", whole)
    assert code == 2
    assert "no unit or scale holds the values of both" in told


def test_a_column_whose_name_begins_with_an_underscore_is_no_hidden_folder(tmp_path: Path, command: Command) -> None:
    for number in (1, 2):
        put(tmp_path / "f" / f"_k={number}" / "p.parquet", D({"id": [number]}))
    whole = put(tmp_path / "w.parquet", D({"id": [1, 2], "_k": [1, 2]}))
    assert command(tmp_path / "f", whole)[0] == 0


@pytest.mark.parametrize("name", ["b.csv", "b.jsonl", "b.orc", "b.parq"])
def test_data_of_another_kind_in_a_folder_is_not_left_out(tmp_path: Path, command: Command, name: str) -> None:
    put(tmp_path / "f" / "a.parquet", D({"id": [1]}))
    (tmp_path / "f" / name).write_text("id\n2\n", encoding="utf-8")
    code, _, told = command(tmp_path / "f", tmp_path / "f")
    assert code == 2
    assert f"holds files of several kinds, .parquet (a.parquet) and .{name.partition('.')[2]} ({name})" in told


def test_other_files_beside_a_table_are_no_data(tmp_path: Path, command: Command) -> None:
    put(tmp_path / "f" / "A.PARQUET", D({"id": [1]}))
    (tmp_path / "f" / "README.md").write_text("notes", encoding="utf-8")
    assert command(tmp_path / "f", put(tmp_path / "w.parquet", D({"id": [1]})))[0] == 0
