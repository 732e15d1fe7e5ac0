"""Features against a second implementation, without a look ahead, and the same on another engine."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.model import Partitions
from streamrec.contracts import training_features as contract
from streamrec.features import KEYS, daily_partials, day_sums, training_features, window_sums
from streamrec.schema import FEATURES, PARTIALS, VALIDATED
from streamrec.source import raw_interactions
from streamrec.validation import validated_interactions

TODAY = Partitions().partition("2026-01-07")


def _reference():
    spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


brute_force = _reference().brute_force

EVENTS = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["u1", "u2", "ü3", "u 4"]),
        "item_id": st.sampled_from(["i1", "i2", "i3"]),
        "event_type": st.sampled_from(["impression", "click", "play", "complete", "like"]),
        "watch_ms": st.integers(0, 2**40),
        "category": st.sampled_from(["a", "b", "unknown"]),
    }
)
WEEKS = st.lists(st.lists(EVENTS, max_size=8), min_size=1, max_size=7)


def frame(events):
    stamped = [{**event, "timestamp": datetime(2026, 1, 1, tzinfo=UTC), "device": "tv"} for event in events]
    return pl.DataFrame(stamped, schema=VALIDATED)


def features(days):
    keys = [str(TODAY.day - timedelta(days=len(days) - 1 - n)) for n in range(len(days))]
    return training_features({k: daily_partials(frame(d)) for k, d in zip(keys, days, strict=True)}, TODAY)


@settings(deadline=None)
@given(WEEKS)
def test_features_equal_a_second_implementation(days):
    found = features(days)
    assert dict(found.schema) == FEATURES
    assert sorted(found.rows(), key=repr) == brute_force(days, TODAY.day)


@settings(deadline=None)
@given(WEEKS, st.integers(0, 6), st.lists(EVENTS, max_size=8))
def test_nothing_of_a_day_or_later_is_in_its_features(days, changed, others):
    """Which entities have a row depends on the day itself; what a row says does not."""
    changed = min(changed, len(days) - 1)
    moment = TODAY.day - timedelta(days=len(days) - 1 - changed)
    old, new = (features(week) for week in (days, [*days[:changed], others, *days[changed + 1 :]]))
    keys = ["entity", "user_id", "item_id", "as_of"]
    pairs = old.join(new, on=[*keys, "category"], nulls_equal=True).filter(pl.col("as_of") <= moment)
    for name in ("impressions", "clicks", "plays", "completes", "likes", "watch_ms", "active_days"):
        assert pairs[name].equals(pairs[f"{name}_right"], check_names=False)
    earlier = pl.col("as_of") < moment
    assert old.filter(earlier).equals(new.filter(earlier))
    if changed == len(days) - 1:
        assert old.filter(pl.col("as_of") <= moment).equals(new.filter(pl.col("as_of") <= moment))


@settings(deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=30), st.randoms())
def test_the_order_of_events_does_not_matter(events, random):
    shuffled = random.sample(events, len(events))
    assert daily_partials(frame(events)).equals(daily_partials(frame(shuffled)))


@pytest.fixture(scope="module")
def week():
    days = [Partitions().partition(f"2026-01-0{n}") for n in range(1, 8)]
    source = "synthetic:rows=3000,users=300,items=100"
    raw = {day.key: raw_interactions(day, source).rows for day in days}
    return {day.key: validated_interactions(raw[day.key], day, {}, source).rows for day in days}


def test_a_generated_week_equals_the_second_implementation_and_keeps_its_contract(week):
    found = training_features({key: daily_partials(rows) for key, rows in week.items()}, TODAY)
    assert sorted(found.rows(), key=repr) == brute_force([rows.to_dicts() for rows in week.values()], TODAY.day)
    assert contract.validate(found, lazy=True) is not None
    assert found.equals(found.sort("as_of", maintain_order=True))


def test_partials_are_small_and_typed(week):
    rows = week["2026-01-07"]
    assert dict(daily_partials(rows).schema) == PARTIALS
    assert daily_partials(rows).equals(daily_partials(rows.lazy()))


def test_an_empty_day_in_the_window_counts_for_nothing():
    event = {"user_id": "u", "item_id": "i", "event_type": "play", "watch_ms": 5, "category": "a"}
    found = features([[event], [], [event]]).filter(pl.col("entity") == "user")
    assert found.select("as_of", "plays", "active_days").rows() == [
        (TODAY.day, 1, 1),
        (TODAY.day + timedelta(days=1), 2, 2),
    ]


def test_a_window_of_empty_days_has_no_features():
    assert dict(features([[], [], []]).schema) == FEATURES
    assert features([[], [], []]).is_empty()


def test_the_one_definition_gives_the_same_on_duckdb(week):
    duckdb = pytest.importorskip("duckdb")
    partials = {key: daily_partials(rows) for key, rows in week.items()}
    with duckdb.connect() as connection:
        events = nw.from_native(connection.from_arrow(week["2026-01-07"].to_arrow()))
        days = [nw.from_native(connection.from_arrow(frame.to_arrow())) for frame in partials.values()]
        lazy = [nw.from_native(frame.lazy()) for frame in partials.values()]
        polars_events = nw.from_native(week["2026-01-07"].lazy())
        for entity in KEYS:
            assert _rows(day_sums(events, entity)) == _rows(day_sums(polars_events, entity))
            assert _rows(window_sums(days, entity)) == _rows(window_sums(lazy, entity))
            assert _rows(window_sums(days[:3], entity, days[3])) == _rows(window_sums(lazy[:3], entity, lazy[3]))


def _rows(sums):
    return sorted(sums.collect("polars").to_native().rows(), key=repr)
