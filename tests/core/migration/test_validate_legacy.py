"""Legacy outputs in the forms that they come in: each gives the content that was put there."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)

import market

from counterpoint.diff import Tolerance
from counterpoint.errors import UsageError
from counterpoint.storage import content_digest, json_digest
from counterpoint.storage.models import encode
from counterpoint.storage.objects import Objects
from counterpoint_migrate.validate.legacy import LegacySide
from counterpoint_migrate.validate.legacyfile import read_legacy
from counterpoint_migrate.validate.matching import How, Status, match
from counterpoint_migrate.validate.validate import compare, how_of, refuse_nothing

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[str], LegacySide]

DAY, NEXT = "2026-01-02", "2026-01-03"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The side of a file."""

    def of(text: str) -> LegacySide:
        file = tmp_path / "legacy.toml"
        file.write_text(text, encoding="utf-8")
        values, specs = read_legacy(file, market.shop)
        return LegacySide("airflow", market.shop, str(file), file.parent, values, specs)

    return of


@pytest.fixture
def both() -> pl.DataFrame:
    """Two days of orders."""
    first = market.PARTITIONS.partition(DAY)
    return market.stream(7, first.start, first.end + timedelta(days=1))


def day_of(rows: pl.DataFrame, key: str = DAY) -> pl.DataFrame:
    partition = market.PARTITIONS.partition(key)
    return rows.filter(pl.col("at").is_between(partition.start, partition.end, closed="left"))


def dated(rows: pl.DataFrame, form: str) -> pl.DataFrame:
    return rows.with_columns(pl.col("at").dt.strftime(form).alias("day"))


def test_a_delta_table_by_a_partition_column(read: Read, both: pl.DataFrame, tmp_path: Path) -> None:
    dated(both, "%Y%m%d").write_delta(str(tmp_path / "t"), delta_write_options={"partition_by": ["day"]})
    side = read('[steps.orders]\ntable = "t"\nwhere = "day={date:%Y%m%d}"\n')
    output = side.output("orders", DAY)
    assert output.digest == content_digest(day_of(both))
    assert (output.facts["rows"], output.facts["table_version"]) == (day_of(both).height, 0)
    assert [file["path"].count("day=20260102") for file in output.facts["files"]] == [1]
    absent = side.output("orders", "2026-01-04")
    assert (absent.stored, absent.facts["rows"], absent.facts["files"]) == (False, 0, [])
    assert match("orders", "2026-01-04", absent, None, How(_options())).status is Status.ABSENT


def _options() -> Any:
    from counterpoint.diff import Options

    return Options()


def test_the_version_of_a_delta_table_stays_while_it_is_read(read: Read, both: pl.DataFrame, tmp_path: Path) -> None:
    day_of(both).write_delta(str(tmp_path / "t"))
    side = read('[steps.orders]\ntable = "t"\nwhere = "at"\n')
    first = side.output("orders", DAY)
    day_of(both).head(3).write_delta(str(tmp_path / "t"), mode="overwrite")
    assert side.output("orders", DAY).digest == first.digest
    assert read('[steps.orders]\ntable = "t"\nwhere = "at"\n').output("orders", DAY).facts["rows"] == 3


@pytest.mark.parametrize("kind", [pl.Date, pl.Datetime("ms"), pl.Datetime("us", "Europe/Berlin")])
def test_a_column_of_dates_or_moments(read: Read, both: pl.DataFrame, tmp_path: Path, kind: Any) -> None:
    held = pl.col("at").dt.convert_time_zone(kind.time_zone) if getattr(kind, "time_zone", None) else pl.col("at")
    both.with_columns(held.cast(kind).alias("of")).write_parquet(tmp_path / "all.parquet")
    side = read('[steps.orders]\ntable = "all.parquet"\nwhere = "of"\n')
    for key in (DAY, NEXT):
        assert side.output("orders", key).digest == content_digest(day_of(both, key))


def test_a_delta_table_partitioned_by_a_date(read: Read, both: pl.DataFrame, tmp_path: Path) -> None:
    rows = both.with_columns(pl.col("at").dt.date().alias("of"))
    rows.write_delta(str(tmp_path / "t"), delta_write_options={"partition_by": ["of"]})
    side = read('[steps.orders]\ntable = "t"\nwhere = "of"\n')
    assert side.output("orders", NEXT).digest == content_digest(day_of(both, NEXT))


def test_a_folder_of_parquet_files_and_columns_under_other_names(
    read: Read, both: pl.DataFrame, tmp_path: Path
) -> None:
    folder = tmp_path / "2026" / "01" / "02"
    folder.mkdir(parents=True)
    rows = day_of(both).rename({"customer": "uid"}).with_columns(pl.lit("now").alias("loaded_at"))
    for number, part in enumerate((rows.head(50), rows.slice(50))):
        part.write_parquet(folder / f"part-{number}.parquet")
    side = read('[steps.orders]\nparquet = "{date:%Y/%m/%d}"\nrename = {uid = "customer"}\ndrop = "loaded_at"\n')
    output = side.output("orders", DAY)
    assert output.digest == content_digest(day_of(both))
    assert len(output.facts["files"]) == 2
    assert side.output("orders", NEXT) is None


def test_csv_is_equal_by_value(read: Read, both: pl.DataFrame, tmp_path: Path) -> None:
    rows = day_of(both).select("order_id", "customer", "cents")
    rows.write_csv(tmp_path / f"{DAY}.csv")
    rows.with_columns(pl.col("customer").cast(pl.Int16)).write_parquet(tmp_path / f"{DAY}.parquet")
    csv = read('[steps.orders]\ncsv = "{date}.csv"\n').output("orders", DAY)
    parquet = read('[steps.orders]\nparquet = "{date}.parquet"\n').output("orders", DAY)
    found = match("orders", DAY, csv, parquet, How(_options()))
    # no note on types: a CSV takes those of the other side
    assert (found.status, found.by, found.notes) == (Status.EQUAL, "value", ())


def test_a_csv_is_whole_and_takes_the_types_of_the_other_side(read: Read, both: pl.DataFrame, tmp_path: Path) -> None:
    rows = day_of(both).select(pl.col("order_id").cast(pl.String), "customer", "cents", "at")
    titled = rows.with_columns(title=pl.lit("t"))
    lines = titled.write_csv().splitlines()
    lines[2], lines[6] = lines[2] + ',12" vinyl', lines[6] + ',7" single'
    lines = [
        lines[0],
        *(line if line.count(",") == lines[0].count(",") else line.replace(",t,", ",") for line in lines[1:]),
    ]
    (tmp_path / f"{DAY}.csv").write_text("\n".join(lines), encoding="utf-8")
    rows.write_parquet(tmp_path / f"{DAY}.parquet")
    csv = read('[steps.orders]\ncsv = "{date}.csv"\ndrop = ["title"]\n').output("orders", DAY)
    parquet = read('[steps.orders]\nparquet = "{date}.parquet"\n').output("orders", DAY)
    assert csv.facts["rows"] == rows.height
    assert match("orders", DAY, csv, parquet, How(_options())).status is Status.EQUAL


def test_a_csv_of_another_dialect(read: Read, both: pl.DataFrame, tmp_path: Path) -> None:
    rows = day_of(both)
    rows.write_parquet(tmp_path / f"{DAY}.parquet")
    parquet = read('[steps.orders]\nparquet = "{date}.parquet"\n').output("orders", DAY)
    lines = rows.write_csv(separator=";").splitlines()
    (tmp_path / f"{DAY}.csv").write_text("\n".join(lines[1:]), encoding="utf-16")
    toml = f'csv = "{{date}}.csv"\nseparator = ";"\nencoding = "utf-16"\nheader = {lines[0].split(";")}\n'
    csv = read(f"[steps.orders]\n{toml}").output("orders", DAY)
    assert csv is not None
    assert (csv.facts["rows"], match("orders", DAY, csv, parquet, How(_options())).status) == (
        rows.height,
        Status.EQUAL,
    )


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('parquet = "{date}.parquet"\nseparator = ";"', "separator is of csv files, and this is parquet"),
        ('csv = "{date}.csv"\nseparator = ";;"', "the separator ';;' is none"),
        ('csv = "{date}.csv"\nencoding = "latin-99"', "the encoding 'latin-99' is not known"),
        ('csv = "{date}.csv"\nheader = 3', "header names columns: write them as a list"),
    ],
)
def test_a_dialect_that_does_not_fit_is_named(read: Read, setting: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(f"[steps.orders]\n{setting}\n")


def test_a_csv_by_a_column_of_moments(read: Read, both: pl.DataFrame, tmp_path: Path) -> None:
    both.with_columns(seen=pl.col("at")).write_csv(tmp_path / "all.csv")
    output = read('[steps.orders]\ncsv = "all.csv"\nwhere = "seen"\n').output("orders", DAY)
    assert output.facts["rows"] == day_of(both).height


def test_a_new_name_that_is_there_is_refused(read: Read, tmp_path: Path) -> None:
    pl.DataFrame({"uid": ["a"], "customer": ["b"]}).write_parquet(tmp_path / f"{DAY}.parquet")
    side = read('[steps.orders]\nparquet = "{date}.parquet"\nrename = { uid = "customer" }\n')
    with pytest.raises(UsageError, match="has two columns 'customer' after rename"):
        side.output("orders", DAY)


def test_a_file_that_is_not_whole_is_named_with_its_line(read: Read, tmp_path: Path) -> None:
    (tmp_path / f"{DAY}.csv").write_text('a,b\n1,2\n3,"4\n', encoding="utf-8")
    side = read('[steps.orders]\ncsv = "{date}.csv"\ndrop = ["b"]\n')
    with pytest.raises(UsageError, match=f"{DAY}.csv cannot be read: a quote that is opened in line 3"):
        side.output("orders", DAY)


def test_weights_alone(read: Read, tmp_path: Path) -> None:
    spent = pl.DataFrame({"customer": [1], "orders": [1], "cents": [1]})
    made = market.model(spent, 7)
    (tmp_path / f"{DAY}.safetensors").write_bytes(encode(made)["weights.safetensors"])
    market.write(tmp_path, "model", DAY, made)
    alone = read('[steps.model]\nmodel = "{date}.safetensors"\n').output("model", DAY)
    whole = read('[steps.model]\nmodel = "model/{date}"\n').output("model", DAY)
    assert (alone.whole, whole.whole) == (False, True)
    found = match("model", DAY, alone, whole, How(_options()))
    assert (found.status, found.by) == (Status.EQUAL, "value")
    assert read('[steps.model]\nmodel = "model/{date}"\n').output("model", NEXT) is None


def test_numbers_that_json_does_not_have(read: Read, tmp_path: Path) -> None:
    (tmp_path / f"{DAY}.json").write_text('{"auc": NaN, "n": 1}', encoding="utf-8")
    (tmp_path / f"{NEXT}.json").write_text("{", encoding="utf-8")
    side = read('[steps.score]\njson = "{date}.json"\n')
    assert side.output("score", DAY).digest == json_digest({"auc": "nan", "n": 1})
    with pytest.raises(UsageError, match="is no JSON"):
        side.output("score", NEXT)


def test_key_and_tolerance_of_a_step(read: Read, tmp_path: Path) -> None:
    rows = pl.DataFrame({"customer": [1, 2], "third": [1.0, 2.0]})
    for folder, value in (("one", 0.0), ("two", 0.01)):
        (tmp_path / folder).mkdir()
        rows.with_columns(pl.col("third") + value).write_parquet(tmp_path / folder / f"{DAY}.parquet")
    text = '[steps.spending]\nparquet = "one/{date}.parquet"\nkey = ["customer"]\n'
    for more, status in (("", "differs"), ("tolerance = 0.1", "equal"), ("tolerance = {third = 0.001}", "differs")):
        side = read(text + more)
        other = read(text.replace("one/", "two/")).output("spending", DAY)
        how = how_of(side, _options(), "spending", strict_order=False)
        assert match("spending", DAY, side.output("spending", DAY), other, how).status == status
    assert how.options.tolerance == Tolerance(0.0, {"third": 0.001})


def test_outputs_on_s3(read: Read, both: pl.DataFrame, bucket: str) -> None:
    where = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    dated(both, "%Y-%m-%d").write_delta(
        f"{bucket}/t", storage_options=where, delta_write_options={"partition_by": ["day"]}
    )
    day_of(both).write_parquet(f"{bucket}/{DAY}.parquet", storage_options=where)
    Objects(bucket).put(f"score/{DAY}.json", b'{"mean": 0.5}')
    side = read(f"""
        [steps.orders]
        table = "{bucket}/t"
        where = "day"
        [steps.valid]
        parquet = "{bucket}/{{date}}.parquet"
        [steps.score]
        json = "{bucket}/score/{{date}}.json"
    """)
    found = [side.output(step, DAY) for step in ("orders", "valid", "score")]
    whole = content_digest(day_of(both))
    assert [output.digest for output in found] == [whole, whole, json_digest({"mean": 0.5})]
    assert [side.output(step, NEXT) is None for step in ("orders", "valid", "score")] == [False, True, True]


def test_nothing_on_both_sides_proves_nothing(read: Read) -> None:
    side = read('[steps.score]\njson = "{date}.json"\n')
    matches = compare(side, side, market.shop, [DAY], lambda _: How(_options()))
    with pytest.raises(UsageError, match="there is nothing to compare"):
        refuse_nothing(side, matches)


def test_what_is_written_of_a_side_makes_it_again(read: Read, both: pl.DataFrame, tmp_path: Path) -> None:
    day_of(both).write_parquet(tmp_path / "x.parquet")
    side = read('[steps.orders]\ntable = "x.parquet"\nwhere = "at"\n')
    told = json.loads(json.dumps(side.to_dict()))
    assert (told["sort"], told["base"], told["values"]) == ("legacy", str(tmp_path), side.values)
