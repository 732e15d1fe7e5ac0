"""Every bad input of a source: one clear error that names thing, place and fix, at the step that finds it."""

from __future__ import annotations

import polars as pl
import pytest

from counterpoint.errors import ContractError, SourceError
from streamrec.source import check_source, raw_interactions
from streamrec.validation import validated_interactions


def validated(source, today, **contract):
    rows = raw_interactions(today, source).rows
    return validated_interactions(rows, today, contract, source)


def changed(lines, column, value, every=1):
    """The lines with another value in a column of each n-th row."""
    names = lines[0].split(",")
    rows = [line.split(",") for line in lines[1:]]
    for row in rows[::every]:
        row[names.index(column)] = value
    return [lines[0], *(",".join(row) for row in rows)]


def test_no_such_date_in_a_file(deliver, lines, day):
    with pytest.raises(SourceError, match=r"no events of date 2026-02-01.*2026-01-03 to 2026-01-03"):
        raw_interactions(day("2026-02-01"), deliver(lines))


def test_no_such_date_among_the_files(deliver, profiled, lines, day):
    source = profiled(deliver(lines, "2026-01-03.csv"), 'files = "{date}.csv"')
    said = r"has no date 2026-02-01: it holds 1 files, 2026-01-03.csv to 2026-01-03.csv"
    with pytest.raises(SourceError, match=said):
        raw_interactions(day("2026-02-01"), source)
    with pytest.raises(SourceError, match=said):
        check_source(source, day("2026-02-01"))


def test_an_empty_folder(tmp_path, today):
    with pytest.raises(SourceError, match=r"holds no .csv or .parquet file"):
        raw_interactions(today, str(tmp_path))


def test_a_header_only_file(deliver, lines, today):
    with pytest.raises(SourceError, match=r"a header and no row"):
        raw_interactions(today, deliver(lines[:1]))


def test_a_file_without_a_byte(deliver, today):
    with pytest.raises(SourceError, match=r"is empty"):
        raw_interactions(today, deliver([]))


@pytest.mark.parametrize("missing", [7, 15, 40, 60])
def test_a_csv_cut_in_the_middle(missing, tmp_path, lines, today):
    """The last line has 54 characters: cut in the field before the last, in others, and in the line before."""
    (tmp_path / "a.csv").write_text("\n".join(lines)[:-missing])
    with pytest.raises(SourceError, match=r"is cut in the middle"):
        raw_interactions(today, str(tmp_path))


def test_a_csv_damaged_in_its_last_column_is_not_half_a_day(tmp_path, lines, today):
    """The rest of the day is lost, and the column in which that shows is one that nobody reads."""
    header, *rows = (f"{line},note" for line in lines)
    text = "\n".join([header, *rows[:100]]).encode()
    (tmp_path / "a.csv").write_bytes(text[:-2] + b"\x00\xff\x00")
    with pytest.raises(SourceError, match=r"is cut or damaged: its last line 101 has no end"):
        raw_interactions(today, str(tmp_path))


def test_a_csv_cut_inside_quotes(tmp_path, lines, today):
    (tmp_path / "a.csv").write_text("\n".join([*lines, 'u,i,play,1,2026-01-03T10:00:00Z,tv,"dra']))
    with pytest.raises(SourceError, match=r"is cut"):
        raw_interactions(today, str(tmp_path))


def test_a_whole_csv_may_lack_the_last_newline(tmp_path, lines, today):
    (tmp_path / "a.csv").write_text("\n".join(lines))
    assert len(raw_interactions(today, str(tmp_path)).rows) == 200


def test_a_parquet_cut_in_the_middle(tmp_path, parquet, deliver, lines, today):
    parquet(raw_interactions(today, deliver(lines)).rows)
    path = tmp_path / "events.parquet"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(SourceError, match=r"events.parquet cannot be read as parquet, it is cut or damaged"):
        raw_interactions(today, str(path))


def test_a_missing_column(deliver, lines, today):
    rows = [",".join(line.split(",")[1:]) for line in lines]
    with pytest.raises(SourceError, match=r"has no column 'user_id' for user_id; it has item_id, event_type"):
        raw_interactions(today, deliver(rows))


def test_a_renamed_column(deliver, lines, today):
    with pytest.raises(SourceError, match=r"is it 'userid' now"):
        raw_interactions(today, deliver([lines[0].replace("user_id", "userid"), *lines[1:]]))


@pytest.mark.parametrize(
    ("column", "said"), [("watch_seconds", "holds no numbers"), ("timestamp", "are no stamps as ISO 8601")]
)
def test_a_column_of_another_type(column, said, deliver, lines, today):
    with pytest.raises(SourceError, match=said):
        raw_interactions(today, deliver(changed(lines, column, "text")))


@pytest.mark.parametrize(("column", "value"), [("user_id", [["a"]]), ("timestamp", [5]), ("item_id", [b"x"])])
def test_a_parquet_column_of_another_type(column, value, parquet, today):
    row = raw_interactions(today, "synthetic:rows=1").rows
    with pytest.raises(SourceError, match=column):
        raw_interactions(today, parquet(row.with_columns(pl.Series(column, value))))


def test_stamps_without_zone(deliver, lines, today):
    with pytest.raises(SourceError, match=r"200 values .* have no time zone .*\[timestamps\] timezone"):
        raw_interactions(today, deliver(changed(lines, "timestamp", "2026-01-03 10:00:00")))


@pytest.mark.parametrize("stamp", ["2026-01-05T10:00:00Z", "1970-01-01T00:00:00Z", "2262-04-12T00:00:00Z"])
def test_stamps_out_of_the_day(stamp, deliver, profiled, lines, today):
    rows = changed(lines, "timestamp", stamp, every=4)
    source = profiled(deliver(rows, "2026-01-03.csv"), 'files = "{date}.csv"')
    with pytest.raises(ContractError, match=r"column timestamp, check inside its day: 50 rows") as caught:
        validated(source, today)
    assert stamp[:10] in str(caught.value)
    assert "a day, as {date} in a file's name, is one of UTC" in str(caught.value)
    assert len(caught.value.rejected) == 50


@pytest.mark.parametrize("stamp", ["1970-01-01T00:00:00Z", "2262-04-12T00:00:00Z"])
def test_a_file_of_another_century(stamp, deliver, lines, today):
    with pytest.raises(SourceError, match=f"run from {stamp[:10]} to {stamp[:10]}"):
        raw_interactions(today, deliver(changed(lines, "timestamp", stamp)))


def test_all_users_null(deliver, lines, today):
    with pytest.raises(
        ContractError, match=r"200 of 200 rows \(100.0%\).*column user_id, check not null: 200 rows"
    ) as caught:
        validated(deliver(changed(lines, "user_id", "")), today)
    assert "UTC" not in str(caught.value)


def test_duplicate_rows(deliver, lines, today):
    with pytest.raises(ContractError, match=r"check unique: 200 rows, such as 'u0 i0 play 2026-01-03 10:00:00"):
        validated(deliver([*lines, *lines[1:]]), today)


def test_a_single_duplicate_is_set_aside(deliver, lines, today):
    found = validated(deliver([*lines, lines[7]]), today)
    assert len(found.rows) == 200
    assert found.rejected.select("check", "origin").rows() == [("unique", "events.csv:202")]


def test_forty_per_cent_bad_rows(today):
    with pytest.raises(
        ContractError, match=r"of 5000 rows \((39|40|41)\.\d%\) are bad, over max_bad_rate 1.00%"
    ) as caught:
        validated("synthetic:rows=5000,bad=0.4", today)
    assert str(caught.value).count("synthetic-2026-01-03:") == 3


def test_an_item_of_ten_thousand_characters(deliver, lines, today):
    source = deliver(changed(lines, "item_id", "x" * 10_000, every=150))
    found = validated(source, today, max_bad_rate=0.02)
    assert found.rejected["check"].to_list() == ["length", "length"]
    with pytest.raises(ContractError, match=r"column item_id, check length: 2 rows") as caught:
        validated(source, today, max_bad_rate=0.001)
    assert "x... of 10000 characters" in str(caught.value)
    assert len(str(caught.value)) < 900


@pytest.mark.parametrize("folder", ["with a space", "with,comma", "br[a]cket*"])
def test_a_path_with_odd_characters(folder, deliver, lines, today):
    assert len(raw_interactions(today, deliver(lines, folder=folder)).rows) == 200


def test_a_path_with_dots(deliver, lines, today):
    source = f"{deliver(lines)}/../data"
    assert len(raw_interactions(today, source).rows) == 200


def test_a_file_of_another_kind(deliver, lines, today):
    with pytest.raises(SourceError, match=r"is no .csv or .parquet file"):
        raw_interactions(today, deliver(lines, "a.json") + "/a.json")


def test_surplus_fields_do_not_stop_the_reading(deliver, lines, today):
    assert len(raw_interactions(today, deliver([*lines, f"{lines[1]},more"])).rows) == 201
