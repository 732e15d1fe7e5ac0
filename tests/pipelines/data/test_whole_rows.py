"""Every row of a file reaches its day, or an error names the line: quotes, cuts, filters, local days, other files."""

from __future__ import annotations

import pytest

from counterpoint.errors import SourceError, UsageError
from streamrec.source import raw_interactions, source_digest
from streamrec.validation import validated_interactions

HEADER = "user_id,item_id,event_type,timestamp"
EVENTS = [f"u{n % 9},i{n % 7},play,2026-01-03T10:{n // 60:02}:{n % 60:02}Z" for n in range(100)]


def of(*tails: str) -> list[str]:
    """The events with a tail each, which is repeated."""
    return [f"{event},{tails[n % len(tails)]}" for n, event in enumerate(EVENTS)]


def test_a_quote_in_a_column_that_nobody_reads_swallows_no_row(deliver, today):
    rows = of("title")
    rows[20], rows[50] = EVENTS[20] + ',12" vinyl', EVENTS[50] + ',7" single'
    assert len(raw_interactions(today, deliver([f"{HEADER},title", *rows])).rows) == 100


def test_a_field_that_swallows_lines_is_refused_with_its_line(deliver, today):
    rows = of("title")
    rows[20], rows[50] = EVENTS[20] + ',"12 vinyl', EVENTS[50] + ',7" single'
    with pytest.raises(SourceError, match=r"events.csv cannot be read: a quote that is opened in line 22 is closed in"):
        raw_interactions(today, deliver([f"{HEADER},title", *rows]))


def test_a_quote_that_is_never_closed_is_refused_with_its_line(deliver, today):
    rows = [*of("title"), EVENTS[0] + ',"12']
    with pytest.raises(SourceError, match=r"a quote that is opened in line 102 is never closed"):
        raw_interactions(today, deliver([f"{HEADER},title", *rows]))


@pytest.mark.parametrize(
    ("tails", "last"),
    [(("10.99", "11.99"), "12"), (("t",), '"a\nb"'), (("t",), "a\u2028b"), (("drama",), "dra"), (("t",), "")],
)
def test_a_whole_file_without_its_last_newline_is_whole(tails, last, tmp_path, today):
    rows = of(*tails)
    rows[-1] = f"{EVENTS[-1]},{last}"
    (tmp_path / "a.csv").write_text("\n".join([f"{HEADER},price", *rows]), encoding="utf-8")
    assert len(raw_interactions(today, str(tmp_path)).rows) == 100


def test_blank_lines_are_no_rows_and_origins_are_lines(deliver, today):
    rows = of("t")
    rows[3] = EVENTS[3] + ',"two\nlines"'
    rows[10] = rows[10].replace("play", "hover")
    source = deliver([f"{HEADER},title", *rows[:5], "", *rows[5:], ""])
    found = raw_interactions(today, source).rows
    assert len(found) == 100
    rejected = validated_interactions(found, today, {"minimum_rows": 1}, source).rejected
    assert rejected["origin"].to_list() == ["events.csv:14"]


@pytest.mark.parametrize(
    ("keep", "tails", "expected"),
    [
        ("qty > 0 AND qty < 4", ("0,x", "1,x", "2,x", "3,x", "4,x"), (60, 0)),
        ("qty BETWEEN 1 AND 3", ("0,x", "1,x", "2,x", "3,x", "4,x"), (60, 0)),
        ("qty = 1 OR qty = 2", ("0,x", "1,x", "2,x", "3,x", "4,x"), (40, 0)),
        ("qty IS NOT NULL AND qty > 0", ("1,x", ",x"), (50, 0)),
        ("CASE WHEN qty > 1 THEN inv = 'x' ELSE FALSE END", ("1,x", "2,x", "2,y", "3,x"), (50, 0)),
        ("inv NOT LIKE 'C%'", ("1,536365",), (100, 0)),
        ("inv NOT LIKE 'C%' AND qty > 0", ("1,536365", "1,C536365"), (50, 0)),
        ("qty > 0", ("1,x", "1,x", "1,x", "abc,x"), (100, 25)),
        ("qty > 0 AND inv = 'x'", ("1,x", "abc,y"), (50, 0)),
        ("qty > 0", ("1,x", '"",x'), (50, 0)),
        ("qty > 0", ('"1",x', '"0",x'), (50, 0)),
        ("qty > 0.5", ("1,x", "0.25,x", "10,x", "9,x"), (75, 0)),
        ("qty = '003'", ("003,x", "3,x"), (50, 0)),
        ("qty = 3", ("003,x", "3.0,x", "4,x", "+3,x"), (75, 0)),
        ("inv = 9007199254740993", ("1,9007199254740992", "1,9007199254740993"), (50, 0)),
        ("inv = 9007199254740993", ("1,9007199254740992", "1,9007199254740993", "1,0.5", "1,7"), (25, 0)),
        ("inv = 10000000000000000000001", ("1,10000000000000000000001", "1,10000000000000000000002"), (50, 0)),
        ("qty + 1 > 2 AND ABS(qty) < 9", ("1,x", "2,x", "-20,x", "3,x"), (50, 0)),
        ("qty IN (1, 2)", ("1,x", "2,x", "3,x", "4,x"), (50, 0)),
        ("qty <> inv", ("1,1", "1,2"), (50, 0)),
    ],
)
def test_what_is_kept_hangs_on_the_expression_and_not_on_the_day(keep, tails, expected, deliver, profiled, today):
    kept, malformed = expected
    source = profiled(deliver([f"{HEADER},qty,inv", *of(*tails)]), f'[interactions]\nkeep = """{keep}"""')
    found = raw_interactions(today, source)
    assert (len(found.rows), found.summary["filtered"]) == (kept, 100 - kept)
    said = found.rows["malformed"].drop_nulls()
    assert said.to_list() == ["qty='abc'"] * malformed


def test_a_column_beside_a_number_that_holds_none_is_named(deliver, profiled, today):
    source = profiled(deliver([f"{HEADER},qty", *of("abc", "x")]), '[interactions]\nkeep = "qty > 0"')
    with pytest.raises(UsageError, match=r"fails on .*events.csv: column 'qty' stands beside a number and holds none"):
        raw_interactions(today, source)


def test_a_column_beside_text_and_number_is_refused(deliver, profiled, today):
    source = profiled(deliver([f"{HEADER},qty", *of("1")]), """[interactions]\nkeep = "qty = 1 OR qty = 'x'" """)
    with pytest.raises(UsageError, match=r"cannot compare string with numeric"):
        raw_interactions(today, source)


LOCAL = 'files = "{date}.csv"\n[timestamps]\ntimezone = "America/New_York"\n[contract]\nminimum_rows = 1\n'


def local(day: str, *hours: int) -> list[str]:
    return [HEADER, *(f"u{day}-{hour},i,play,{day} {hour:02}:00:00" for hour in hours)]


def test_files_of_local_days_give_their_rows_to_the_days_of_utc(deliver, profiled, day, caplog):
    for name in ("2026-01-02", "2026-01-03", "2026-01-04"):
        source = profiled(deliver(local(name, 3, 18, 19, 23), f"{name}.csv"), LOCAL)
    # 19:00 in New York is midnight in UTC
    found = {key: raw_interactions(day(key), source).rows for key in ("2026-01-02", "2026-01-03", "2026-01-04")}
    users = {key: sorted(rows["user_id"]) for key, rows in found.items()}
    assert users["2026-01-03"] == ["u2026-01-02-19", "u2026-01-02-23", "u2026-01-03-18", "u2026-01-03-3"]
    assert users["2026-01-04"][:2] == ["u2026-01-03-19", "u2026-01-03-23"]
    assert users["2026-01-02"] == ["u2026-01-02-18", "u2026-01-02-3"]
    assert "no file of 2026-01-01" in caplog.text
    assert source_digest(source, day("2026-01-03")) != source_digest(source, day("2026-01-04"))


def test_what_is_of_no_local_day_stays_with_its_file(deliver, profiled, day):
    source = profiled(deliver([*local("2026-01-03", 10), "late,i,play,2025-12-24 10:00:00"], "2026-01-03.csv"), LOCAL)
    deliver([*local("2026-01-02", 20), "odd,i,play,some day"], "2026-01-02.csv")
    found = raw_interactions(day("2026-01-03"), source).rows
    assert sorted(found["user_id"]) == ["late", "u2026-01-02-20", "u2026-01-03-10"]
    assert "odd" in raw_interactions(day("2026-01-02"), source).rows["user_id"].to_list()


def test_what_reaches_into_a_closed_day_stays_with_its_file(deliver, profiled, day):
    toml = LOCAL.replace("[contract]", '[calendar]\nclosed = ["2026-01-04"]\n[contract]')
    source = profiled(deliver(local("2026-01-03", 10, 23), "2026-01-03.csv"), toml)
    assert len(raw_interactions(day("2026-01-03"), source).rows) == 2


def test_a_day_that_is_the_same_in_the_zone_is_its_file(deliver, profiled, day):
    toml = LOCAL.replace("America/New_York", "Europe/London")
    source = profiled(deliver(local("2026-01-03", 0, 23), "2026-01-03.csv"), toml)
    assert len(raw_interactions(day("2026-01-03"), source).rows) == 2


NAMES = ["{}.csv", "events_{}.csv", "day={}/part-0.csv"]


@pytest.mark.parametrize("name", NAMES)
def test_files_named_by_day_are_read_by_day(name, tmp_path, deliver, day):
    for key in ("2026-01-03", "2026-01-04", "2026-01-05"):
        place = tmp_path / "data" / name.format(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        rows = [row.replace("2026-01-03", key) for row in EVENTS]
        place.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    place.write_text('user_id\n"broken', encoding="utf-8")
    source = str(tmp_path / "data")
    before = source_digest(source, day("2026-01-03"))
    assert len(raw_interactions(day("2026-01-03"), source).rows) == 100
    place.write_text("other", encoding="utf-8")
    assert source_digest(source, day("2026-01-03")) == before
    with pytest.raises(SourceError, match="2026-01-05"):
        raw_interactions(day("2026-01-05"), source)
    with pytest.raises(SourceError, match="has no date 2026-01-09: it holds 3 files"):
        raw_interactions(day("2026-01-09"), source)


@pytest.mark.parametrize(
    "names", [["dump_20260105.csv"], ["dump_20260105.csv", "dump_20260112.csv"], ["a.csv", "b.csv"]]
)
def test_files_that_are_not_of_a_day_each_are_all_read(names, deliver, today):
    for number, name in enumerate(names):
        source = deliver([HEADER, *EVENTS[number :: len(names)]], name)
    assert len(raw_interactions(today, source).rows) == 100


def test_a_zone_without_a_name_is_refused_in_one_line(tmp_path, today):
    import pyarrow as pa
    from pyarrow import parquet

    stamps = pa.array([0]).cast(pa.timestamp("us", "+05:30"))
    row = {"user_id": ["u"], "item_id": ["i"], "event_type": ["play"], "timestamp": stamps}
    parquet.write_table(pa.table(row), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"a.parquet: column 'timestamp' has the time zone '\+05:30'"):
        raw_interactions(today, str(tmp_path))
