"""The generator: the same bytes for the same recipe and day, and the structure that is planted."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from counterpoint.errors import UsageError
from streamrec.catalogue import CLUSTERS, hashed
from streamrec.generator_config import Recipe
from streamrec.schema import KEY, RAW
from streamrec.source import raw_interactions
from streamrec.synthetic import events

SMALL = Recipe(rows=20_000, users=2_000, items=500)
CLEAN = replace(SMALL, late=0.0, duplicates=0.0, bad=0.0)


def test_the_same_recipe_and_day_give_the_same_rows(today):
    assert events(SMALL, today).equals(events(SMALL, today))


def test_another_day_or_seed_gives_other_rows(today, day):
    first = events(SMALL, today).drop("origin")
    assert not first.equals(events(SMALL, day("2026-01-04")).drop("origin"))
    assert not first.equals(events(replace(SMALL, seed=8), today).drop("origin"))


def test_the_stream_of_random_numbers_is_pinned(today):
    """A release of numpy or Polars that changed the generated data would change every digest."""
    found = events(CLEAN, today)
    assert found.row(12_345)[:3] == ("u60258", "i6338", "click")
    assert found["timestamp"][12_345] == datetime(2026, 1, 3, 19, 15, 27, 751_874, tzinfo=UTC)
    assert found["watch_seconds"].sum() == pytest.approx(540_013.712)


@pytest.mark.parametrize("rows", [0, 1, 777, 20_000])
def test_there_are_as_many_rows_as_asked_for(rows, today):
    found = events(replace(SMALL, rows=rows), today)
    assert len(found) == rows
    assert dict(found.schema) == RAW


def test_popularity_is_uneven(today):
    counts = events(CLEAN, today)["item_id"].value_counts(sort=True)["count"]
    assert counts.head(50).sum() > 4 * counts.tail(50).sum()


def test_there_is_a_daily_rhythm(today):
    hours = events(CLEAN, today).group_by(pl.col("timestamp").dt.hour()).len().sort("timestamp")["len"]
    assert hours[20] > 5 * hours[4]


def test_the_funnel_narrows(today):
    counts = dict(events(CLEAN, today)["event_type"].value_counts().iter_rows())
    sizes = [counts[kind] for kind in ("impression", "click", "play", "complete", "like")]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] > 0


def test_every_item_has_one_category_on_all_days(today, day):
    both = pl.concat([events(CLEAN, today), events(CLEAN, day("2026-01-20"))])
    assert both.group_by("item_id").agg(pl.col("category").n_unique())["category"].max() == 1


def test_users_and_items_arrive_and_leave(today, day):
    first, later = events(CLEAN, today), events(CLEAN, day("2026-01-31"))
    for name in ("user_id", "item_id"):
        before, after = set(first[name]), set(later[name])
        assert before & after
        assert after - before


@pytest.mark.parametrize(("affinity", "least", "most"), [(0.8, 0.5, 1.0), (0.0, 0.0, 0.15)])
def test_affinity_decides_how_often_a_user_meets_the_own_category(affinity, least, most, today):
    found = events(replace(CLEAN, affinity=affinity), today)
    users = found["user_id"].str.slice(1).cast(pl.Int64).to_numpy()
    favourite = (hashed(CLEAN.seed, 2, users) * CLEAN.categories * CLUSTERS).astype(int) // CLUSTERS
    share = (found["category"].str.slice(9).cast(pl.Int64).to_numpy() == favourite).mean()
    assert least < share < most


def test_flaws_come_at_their_rates(today):
    found = events(replace(SMALL, late=0.02, duplicates=0.03, bad=0.06), today)
    late = (found["timestamp"].dt.date() != today.day).sum()
    assert 0.015 < late / len(found) < 0.025
    assert 0.02 < found.select(pl.struct(KEY).is_duplicated()).to_series().sum() / 2 / len(found) < 0.04
    assert found["user_id"].null_count() == pytest.approx(200, abs=60)


def test_two_hundred_thousand_rows_take_well_under_a_second(today):
    events(SMALL, today)
    start = time.process_time()
    events(Recipe(), today)
    assert time.process_time() - start < 1.0


def test_settings_stand_in_the_source(today):
    found = raw_interactions(today, "synthetic:rows=300,users=50, items=20,seed=3")
    assert len(found.rows) == 300
    assert found.summary == {"rows": 300, "filtered": 0}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("synthetic:row=3", "did you mean rows=?"),
        ("synthetic:rows", "no setting"),
        ("synthetic:rows=many", "is no int"),
        ("synthetic:bad=2", "outside 0..1"),
        ("synthetic:users=0", "at least 1"),
        ("synthetic:rows=-1", "at least 0"),
    ],
)
def test_a_wrong_setting_is_named(source, said, today):
    with pytest.raises(UsageError, match=said.replace("?", r"\?")):
        raw_interactions(today, source)
