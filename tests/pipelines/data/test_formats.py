"""Files as shops deliver them: other separators, encodings, epochs, units, names of files, JSON lines, compressed."""

from __future__ import annotations

import bz2
import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoint.errors import SourceError, UsageError
from streamrec.fileformat import FileFormat
from streamrec.jsonlines import JsonLines
from streamrec.parsing import stamps
from streamrec.profile import Profile, parse_profile
from streamrec.schema import RAW
from streamrec.source import raw_interactions, source_digest
from streamrec.validation import validated_interactions

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEN = datetime(2026, 1, 3, 10, tzinfo=UTC)


@pytest.fixture
def source(tmp_path):
    """Writes bytes to a file of a folder, and gives the source with a profile."""

    def write(data, toml="", name="events.csv"):
        place = tmp_path / "data" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data if isinstance(data, bytes) else data.encode())
        (tmp_path / "p.toml").write_text(toml, encoding="utf-8")
        return f"{tmp_path / 'data'},profile={tmp_path / 'p.toml'}"

    return write


def rows(source, day):
    return raw_interactions(day, source).rows


def test_a_separator_and_an_encoding(source, today):
    data = 'user_id;item_id;event_type;timestamp\nJosé;"a;b";play;2026-01-03T10:00:00Z\n'.encode("latin-1")
    found = rows(source(data, '[csv]\nseparator = ";"\nencoding = "latin-1"'), today)
    assert found.select("user_id", "item_id", "timestamp", "malformed", "origin").rows() == [
        ("José", "a;b", TEN, None, "events.csv:2")
    ]


def test_files_without_a_header_line(source, today):
    toml = '[csv]\nheader = ["timestamp", "user_id", "item_id", "event_type"]'
    found = rows(source("2026-01-03T10:00:00Z,u1,i1,play\n2026-01-03T10:00:00Z,u2,i2,like\n", toml), today)
    assert found.select("user_id", "event_type", "origin").rows() == [
        ("u1", "play", "events.csv:1"),
        ("u2", "like", "events.csv:2"),
    ]


HEAD = "user_id,item_id,event_type,timestamp"


@pytest.mark.parametrize(
    ("unit", "stamp", "micros"),
    [
        ("s", "1767434400", 0),
        ("s", "1767434400.5", 500_000),
        ("ms", "1767434400001", 1000),
        ("ms", " 1767434400001.25 ", 1250),
        ("us", "1767434400000007", 7),
        ("ns", "1767434400000007999", 7),
    ],
)
def test_epochs(source, today, unit, stamp, micros):
    found = rows(source(f"{HEAD}\nu,i,play,{stamp}\n", f'[timestamps]\nunit = "{unit}"'), today)
    assert found["timestamp"].to_list() == [TEN + timedelta(microseconds=micros)]


def test_an_epoch_that_is_no_number_is_malformed(source, today):
    text = f"{HEAD}\nu,i,play,1767434400\nv,i,play,never\nw,i,play,1767434401\n"
    found = rows(source(text, '[timestamps]\nunit = "s"'), today)
    assert found["malformed"].to_list() == [None, "timestamp='never'", None]


UNITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


@given(st.integers(-(2**60), 2**60), st.sampled_from(list(UNITS)), st.sampled_from(["text", "number", "fraction"]))
def test_an_epoch_is_the_moment_that_exact_arithmetic_gives(nanoseconds, unit, form):
    places = 9 - UNITS[unit]
    number = Decimal(nanoseconds).scaleb(-places)
    number = number if form == "fraction" else Decimal(int(number))
    kind = pl.Int64 if form == "number" else pl.String
    column = pl.Series("t", [int(number) if form == "number" else f"{number:f}"], dtype=kind)
    moment = column.to_frame().select(stamps(pl.col("t"), column.dtype, Profile(written=FileFormat(epoch=unit)))).item()
    exact = int(number.scaleb(places)) // 1000
    assert moment == EPOCH + timedelta(microseconds=exact)


def test_date_and_time_in_two_columns(source, today):
    text = "user_id,item_id,event_type,day,at\nu,i,play,03.01.2026,11:00\nv,i,play,03.01.2026,noon\n"
    toml = '[columns]\ntimestamp = ["day", "at"]\n[timestamps]\nformat = "%d.%m.%Y %H:%M"\ntimezone = "Europe/Paris"'
    found = rows(source(text + "w,i,play,03.01.2026,11:00\n", toml), today)
    assert found.sort("user_id")["timestamp"].to_list() == [TEN, None, TEN]
    assert found.sort("user_id")["malformed"].to_list() == [None, "timestamp='03.01.2026 noon'", None]
    with pytest.raises(SourceError, match="no column 'at' for the time"):
        rows(source(text.replace(",at", ",clock"), toml), today)


@pytest.mark.parametrize(("unit", "seconds"), [("ms", 1.5), ("min", 90_000.0), ("s", 1500.0)])
def test_durations_of_another_unit(source, today, unit, seconds):
    text = f"{HEAD},watch_seconds\nu,i,play,2026-01-03T10:00:00Z,1500\n"
    assert rows(source(text, f'[durations]\nunit = "{unit}"'), today)["watch_seconds"].to_list() == [seconds]


def test_event_types_of_other_names(source, today):
    text = "\n".join([HEAD, *(f"u{n},i,{kind},2026-01-03T10:00:00Z" for n, kind in enumerate(["view", "play", "hm"]))])
    found = rows(source(text + "\n", '[event_types]\nview = "impression"\n"add to cart" = "like"'), today)
    assert found["event_type"].to_list() == ["impression", "play", "hm"]


@pytest.mark.parametrize(
    ("ending", "packed"), [("csv.gz", gzip.compress), ("csv.bz2", bz2.compress), ("CSV.GZ", gzip.compress)]
)
def test_compressed_files(source, today, ending, packed):
    data = f"{HEAD}\nu,i,play,2026-01-03T10:00:00Z\n".encode()
    found = rows(source(packed(data), name=f"events.{ending}"), today)
    assert found.select("user_id", "origin").rows() == [("u", f"events.{ending}:2")]
    with pytest.raises(SourceError, match="compressed data is cut or damaged"):
        rows(source(packed(data)[:-9], name=f"events.{ending}"), today)


def test_json_lines(source, today):
    events = [
        {"user_id": 9007199254740993, "item_id": "007", "event_type": "play", "timestamp": "2026-01-03T10:00:00Z"},
        {"timestamp": "2026-01-03T10:00:01Z", "user_id": "u", "item_id": 1.50, "event_type": "play", "device": None},
    ]
    text = "\n\n".join(map(json.dumps, events)) + "\n"
    found = rows(source(text, "[interactions]\nkeep = \"item_id <> 'x'\"", "events.jsonl"), today)
    assert found.select("user_id", "item_id", "device", "origin").rows() == [
        ("9007199254740993", "007", None, "events.jsonl:1"),
        ("u", "1.5", None, "events.jsonl:3"),
    ]
    assert rows(source(gzip.compress(text.encode()), name="more.ndjson.gz"), today).height == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n{"a": \n', "line 2 is no JSON"),
        ('{"a": 1}\n{"a": 2', "line 2 is no JSON .*it has no end, so the file may be cut"),
        ("[1]\n", "line 1 is no JSON object"),
    ],
)
def test_lines_that_are_no_objects_are_named(source, today, text, said):
    with pytest.raises(SourceError, match=said):
        rows(source(text, name="events.jsonl"), today)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "é"]), SCALARS), max_size=5))
def test_every_scalar_of_json_lines_is_kept(tmp_path, objects):
    (tmp_path / "t.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in objects), encoding="utf-8")
    file = JsonLines(tmp_path / "t.jsonl")
    found = file.frame(list(file.names)).to_dicts()
    assert len(found) == len(objects)
    for cells, row in zip(found, objects, strict=True):
        for name in file.names:
            value = row.get(name)
            expected = value if value is None or isinstance(value, str) else json.dumps(value)
            assert cells[name] == expected


def test_a_form_of_the_day_in_the_names_of_files(source, day, tmp_path):
    for number in (2, 3):
        text = f"{HEAD}\nu{number},i,play,2026-01-0{number}T10:00:00Z\n"
        found = source(text, 'files = "events_{date:%d%m%y}.csv"', f"events_0{number}0126.csv")
    assert rows(found, day("2026-01-03"))["user_id"].to_list() == ["u3"]
    with pytest.raises(SourceError, match=r"no date 2026-01-09: it holds 2 files"):
        rows(found, day("2026-01-09"))


@pytest.mark.parametrize("empty", ["true", '["sunday", "2026-01-04"]'])
def test_a_day_that_may_be_empty(source, day, empty):
    text = f"{HEAD}\nu,i,play,2026-01-03T10:00:00Z\n"
    toml = f'files = "{{date}}.csv"\n[calendar]\nmay_be_empty = {empty}\n'
    found = source(text, toml, "2026-01-03.csv")
    sunday = day("2026-01-04")
    assert (rows(found, sunday).height, dict(rows(found, sunday).schema)) == (0, RAW)
    validated = validated_interactions(rows(found, sunday), sunday, contract={}, source=found)
    assert validated.rows.is_empty()
    assert rows(found, day("2026-01-03")).height == 1
    header_only = source(f"{HEAD}\n", toml, "2026-01-04.csv")
    assert rows(header_only, sunday).is_empty()
    assert source_digest(header_only, sunday).startswith("sha256:")


def test_a_day_that_may_not_be_empty_is_still_refused(source, day):
    toml = 'files = "{date}.csv"\n[calendar]\nmay_be_empty = ["saturday"]'
    found = source(f"{HEAD}\nu,i,play,2026-01-03T10:00:00Z\n", toml, "2026-01-03.csv")
    with pytest.raises(SourceError, match="no date 2026-01-04"):
        rows(found, day("2026-01-04"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"csv": {"separator": "::"}}, r"\[csv\]: the separator '::' is none"),
        ({"csv": {"encoding": "latin-99"}}, "is not known"),
        ({"csv": {"delimiter": ";"}}, "unknown key 'delimiter'"),
        ({"csv": {"header": "a,b"}}, "must be a list of names"),
        ({"csv": {"header": ["a", "a"]}}, "names a column twice"),
        ({"csv": {"separator": 3}}, "must be a text"),
        ({"timestamps": {"unit": "days"}}, "unit = 'days' is none; write one of s, ms, us, ns"),
        ({"timestamps": {"unit": "s", "format": "%s"}}, "leave out the format"),
        ({"durations": {"unit": "eons"}}, "unit = 'eons' is none"),
        ({"event_types": {"view": "impresion"}}, "view = 'impresion' is no event type"),
        ({"columns": {"timestamp": ["a", "b", "c"]}}, "must be a column, or those of date and of time"),
        ({"calendar": {"may_be_empty": "sunday"}}, "must be true, or a list"),
        ({"calendar": {"may_be_empty": ["someday"]}}, "write a weekday"),
        ({"files": "{date:%Y{}}.csv"}, "placeholder"),
    ],
)
def test_a_wrong_value_is_named(values, said):
    with pytest.raises(UsageError, match=said) as caught:
        parse_profile(values, "my.toml")
    assert "my.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "user_id;item_id;event_type;timestamp\nu;i;play;2026-01-03T10:00:00Z\n",
            "as if the separator were ';', write",
        ),
        ("u1,i1,play,2026-01-03T10:00:00Z\nu2,i1,play,2026-01-03T10:00:00Z\n", "if the file has no header, write"),
        (f"{HEAD}\nu,i,play,1767434400\n", r"are numbers \(such as '1767434400'\): write \[timestamps\] unit"),
    ],
)
def test_the_likely_cause_is_said(source, today, text, said):
    with pytest.raises(SourceError, match=said):
        rows(source(text), today)


def test_a_profile_without_such_settings_is_told_as_before():
    profile = parse_profile({"files": "{date}.csv"}, "p.toml")
    assert profile.identity == repr(profile)
    assert "written" not in repr(profile)
    other = parse_profile({"files": "{date}.csv", "csv": {"separator": ";"}}, "p.toml")
    assert other.identity != profile.identity
