"""Profiles: what they say, and one clear error for what they say wrong."""

from __future__ import annotations

from datetime import date

import pytest

from counterpoint.errors import UsageError
from streamrec.profile import Profile, load_profile, parse_profile

WHOLE = """
files = "{date}.csv"
[columns]
user_id = "CustomerID"
item_id = "StockCode"
timestamp = "InvoiceDate"
[timestamps]
format = "%Y-%m-%d %H:%M:%S"
timezone = "Europe/London"
[defaults]
event_type = "complete"
[interactions]
keep = "CustomerID IS NOT NULL AND Quantity > 0"
[contract]
max_bad_rate = 0.01
minimum_rows = 100
"""


def test_a_whole_profile_is_read(tmp_path):
    (tmp_path / "p.toml").write_text(WHOLE, encoding="utf-8")
    profile = load_profile(tmp_path / "p.toml")
    assert profile == Profile(
        files="{date}.csv",
        columns={"user_id": "CustomerID", "item_id": "StockCode", "timestamp": "InvoiceDate"},
        format="%Y-%m-%d %H:%M:%S",
        timezone="Europe/London",
        defaults={"event_type": "complete"},
        keep="CustomerID IS NOT NULL AND Quantity > 0",
        contract={"max_bad_rate": 0.01, "minimum_rows": 100},
    )
    assert profile.column("user_id") == "CustomerID"
    assert profile.column("device") == "device"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"file": "x"}, "did you mean 'files'"),
        ({"columns": {"user": "x"}}, "did you mean 'user_id'"),
        ({"columns": "x"}, "must be a table"),
        ({"files": 3}, "must be a text"),
        ({"columns": {"user_id": 3}}, "must be a text"),
        ({"files": "../other/{date}.csv"}, "leads out of the folder"),
        ({"files": "/etc/{date}.csv"}, "leads out of the folder"),
        ({"files": "{day}.csv"}, "placeholder"),
        ({"timestamps": {"timezone": "Europe/Lodnon"}}, "no time zone"),
        ({"timestamps": {"timezone": "../../etc/passwd"}}, "no time zone"),
        ({"timestamps": {"format": "%Y-%m-%d"}}, "carry no zone"),
        ({"calendar": {"closed": ["someday"]}}, "write a weekday"),
        ({"calendar": {"closed": [3]}}, "write a weekday"),
        ({"defaults": {"watch_seconds": "long"}}, "must be a number"),
    ],
)
def test_a_wrong_value_is_named(values, said):
    with pytest.raises(UsageError, match=said) as caught:
        parse_profile(values, "my.toml")
    assert "my.toml" in str(caught.value)


@pytest.mark.parametrize("text", ["files = ", "\xff"])
def test_what_is_no_toml_is_named(text, tmp_path):
    (tmp_path / "p.toml").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match="is no TOML"):
        load_profile(tmp_path / "p.toml")


def test_an_absent_profile_is_named(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        load_profile(tmp_path / "absent.toml")


def test_closed_days():
    profile = Profile(closed=("Saturday", "2010-12-24..2011-01-03", "2011-04-25"))
    assert [profile.is_closed(date(2010, 12, n)) for n in (3, 4, 5, 24, 31)] == [
        False,
        True,
        False,
        True,
        True,
    ]
    assert profile.is_closed(date(2011, 4, 25))
