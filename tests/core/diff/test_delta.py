"""Delta tables: read as the protocol says, or refused by the name of what is not read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from counterpoint.diff.delta import open_delta, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Command = Callable[..., tuple[int, Any, str]]

PLAIN = {"minReaderVersion": 1, "minWriterVersion": 2}
FILE = pa.table({"id": [1, 2]})
VECTOR = {
    "storageType": "u",
    "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^",
    "offset": 4,
    "sizeInBytes": 40,
    "cardinality": 1,
}


def featured(*names: str) -> dict[str, Any]:
    return {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": names, "writerFeatures": names}


def log(
    root: Path,
    fields: dict[str, str],
    table: pa.Table = FILE,
    protocol: dict[str, Any] = PLAIN,
    configuration: dict[str, str] | None = None,
    **add: Any,
) -> Path:
    """A Delta table of one file, its log written by hand."""
    place = add.pop("path", "p.parquet")
    (root / "_delta_log").mkdir(parents=True)
    file = root / place if "://" not in place else root.parent / place.rpartition("/")[2]
    parquet.write_table(table, file)
    physical = {"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "id"} if configuration else {}
    schema = [{"name": n, "type": kind, "nullable": True, "metadata": physical} for n, kind in fields.items()]
    actions: list[dict[str, Any]] = [
        {"protocol": protocol},
        {
            "metaData": {
                "id": "00000000-0000-0000-0000-000000000000",
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json.dumps({"type": "struct", "fields": schema}),
                "partitionColumns": [],
                "configuration": configuration or {},
                "createdTime": 0,
            }
        },
        {
            "add": {
                "path": place,
                "partitionValues": {},
                "size": file.stat().st_size,
                "modificationTime": 0,
                "dataChange": True,
                "stats": json.dumps({"numRecords": table.num_rows}),
                **add,
            }
        },
    ]
    (root / "_delta_log" / f"{0:020}.json").write_text("\n".join(map(json.dumps, actions)), encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("settings_of", "said"),
    [
        (
            {
                "protocol": {"minReaderVersion": 2, "minWriterVersion": 5},
                "configuration": {"delta.columnMapping.mode": "name"},
            },
            "columnMapping (delta.columnMapping.mode = name)",
        ),
        (
            {"protocol": featured("columnMapping"), "configuration": {"delta.columnMapping.mode": "id"}},
            "columnMapping (delta.columnMapping.mode = id)",
        ),
        ({"protocol": featured("deletionVectors"), "deletionVector": VECTOR}, "uses deletionVectors"),
        ({"protocol": featured("fancyThing")}, "fancyThing"),
    ],
)
def test_what_is_not_read_is_refused_by_name(
    tmp_path: Path, command: Command, settings_of: dict[str, Any], said: str
) -> None:
    if "configuration" in settings_of:
        settings_of = {
            **settings_of,
            "configuration": {**settings_of["configuration"], "delta.columnMapping.maxColumnId": "1"},
        }
    place = log(tmp_path / "t", {"id": "long"}, **settings_of)
    code, document, told = command(place, place)
    assert (code, document, len(told.splitlines())) == (2, None, 1)
    assert said in told


@pytest.mark.parametrize(
    ("table", "fields", "more"),
    [
        (pa.table({"id": [1, 2], "x": [1, 2]}), {"id": "long"}, {}),
        (pa.table({"id": pa.array([1, 2], pa.int32())}), {"id": "long"}, {"protocol": featured("typeWidening")}),
        (FILE, {"id": "long"}, {"protocol": featured("deletionVectors")}),
        (FILE, {"id": "long"}, {"path": "file://{}/elsewhere.parquet"}),
    ],
)
def test_what_the_protocol_allows_is_read(
    tmp_path: Path, command: Command, table: pa.Table, fields: dict[str, str], more: dict[str, Any]
) -> None:
    if "path" in more:
        more = {"path": more["path"].format(tmp_path)}
    place = log(tmp_path / "t", fields, table, **more)
    pl.DataFrame({"id": [2, 1]}).write_parquet(tmp_path / "w.parquet")
    assert command(place, tmp_path / "w.parquet")[0] == 0


def test_a_field_that_a_struct_got_later_is_null_before(tmp_path: Path, command: Command) -> None:
    one, both = pa.struct([("a", pa.int64())]), pa.struct([("a", pa.int64()), ("b", pa.string())])
    place, whole = str(tmp_path / "t"), str(tmp_path / "w")
    write_deltalake(place, pa.table({"id": [1], "v": pa.array([{"a": 1}], one)}))
    later = pa.table({"id": [2], "v": pa.array([{"a": 2, "b": "x"}], both)})
    write_deltalake(place, later, mode="append", schema_mode="merge")
    write_deltalake(whole, pa.table({"id": [1, 2], "v": pa.array([{"a": 1, "b": None}, {"a": 2, "b": "x"}], both)}))
    assert command(place, whole)[0] == 0


def test_a_version_is_judged_by_its_own_protocol(tmp_path: Path) -> None:
    place = log(tmp_path / "t", {"id": "long"})
    later = [{"protocol": featured("deletionVectors")}, {"remove": {"path": "p.parquet", "dataChange": True}}]
    later.append(
        {
            "add": {
                "path": "p.parquet",
                "partitionValues": {},
                "size": 1,
                "modificationTime": 0,
                "dataChange": True,
                "deletionVector": VECTOR,
            }
        }
    )
    (place / "_delta_log" / f"{1:020}.json").write_text("\n".join(map(json.dumps, later)), encoding="utf-8")
    assert rows_of(open_delta(str(place), 0), str(place)).collect()["id"].to_list() == [1, 2]


KEYS = st.one_of(
    st.sampled_from(
        ["", "007", "7", "a b", "a/b", "%2F", "ü", "a=b", "x'y", '"q"', "a%20b", "#?&", "1.0", "2024-01-01"]
    ),
    st.text(st.sampled_from("ab %/=+:é"), min_size=1, max_size=4),
    st.none(),
)
COMMITS = st.lists(
    st.tuples(st.lists(st.tuples(KEYS, st.integers(-5, 5)), min_size=1, max_size=4), st.booleans(), st.booleans()),
    min_size=1,
    max_size=3,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commits=COMMITS, parted=st.booleans())
def test_every_version_is_what_deltalake_itself_reads(
    tmp_path_factory: pytest.TempPathFactory, commits: Sequence[Any], *, parted: bool
) -> None:
    place = str(tmp_path_factory.mktemp("delta") / "a table")
    for number, (rows, overwrites, adds) in enumerate(commits):
        table = pa.table({"k": pa.array([key for key, _ in rows], pa.string()), "x": [value for _, value in rows]})
        if adds:
            table = table.append_column(f"later{number}", pa.array([f"n{value}" for _, value in rows]))
        mode = "overwrite" if overwrites else "append"
        merge: Any = {} if number == 0 else {"schema_mode": "merge"}
        write_deltalake(place, table, mode=mode, partition_by=["k"] if parted else None, **merge)
    for version in range(len(commits)):
        judge = pl.DataFrame(DeltaTable(place, version=version).to_pyarrow_table())
        found = rows_of(open_delta(place, version), place).collect().select(judge.columns)
        assert found.sort(judge.columns).rows() == judge.sort(judge.columns).rows()


def test_a_column_of_a_file_may_be_spelled_in_another_case(tmp_path: Path, command: Command) -> None:
    mixed = log(tmp_path / "l", {"id": "long", "gross": "double"}, pa.table({"ID": [1, 2], "Gross": [0.5, 1.5]}))
    lost = log(tmp_path / "r", {"id": "long", "gross": "double"}, pa.table({"id": [1, 2]}))
    code, document, _ = command(mixed, lost, "--key", "id")
    assert (code, document["rows"]["changed"]) == (4, 2)
    whole = log(tmp_path / "w", {"id": "long", "gross": "double"}, pa.table({"id": [1, 2], "gross": [0.5, 1.5]}))
    assert command(mixed, whole)[0] == 0


def test_a_column_that_could_be_either_of_two_is_refused(tmp_path: Path, command: Command) -> None:
    table = log(
        tmp_path / "l", {"id": "long", "gross": "double"}, pa.table({"id": [1], "GROSS": [0.5], "Gross": [1.5]})
    )
    code, _, told = command(table, log(tmp_path / "r", {"id": "long"}))
    assert code == 2
    assert "has the columns 'GROSS', 'Gross', and the table 'gross'" in told
