"""The contracts of the steps' tables hold for good ones, and name what is wrong in others."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.contracts import check
from counterpoint.errors import ContractError
from streamrec import contracts
from streamrec.duplicates import first_of_each
from streamrec.features import daily_partials, training_features
from streamrec.source import raw_interactions
from streamrec.validation import validated_interactions


@pytest.fixture
def tables(day):
    source, made = "synthetic:rows=2000,users=200,items=50", {}
    for key in ("2026-01-02", "2026-01-03"):
        made["raw_interactions"] = raw_interactions(day(key), source).rows
        made["validated_interactions"] = validated_interactions(made["raw_interactions"], day(key), {}, source).rows
        made[key] = daily_partials(made["validated_interactions"])
    partials = {key: made.pop(key) for key in ("2026-01-02", "2026-01-03")}
    return {**made, "training_features": training_features(partials, day("2026-01-03"))}


NAMES = ("raw_interactions", "validated_interactions", "training_features")


@pytest.mark.parametrize("name", NAMES)
def test_what_the_steps_make_keeps_its_contract(name, tables):
    (result,) = check(getattr(contracts, name), tables[name], name, "2026-01-03")
    assert result.passed
    assert result.metadata["rows"] == len(tables[name])


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_table_keeps_its_contract(name, tables):
    assert check(getattr(contracts, name), tables[name].clear(), name, "2026-01-03")


@pytest.mark.parametrize(
    ("name", "broken", "said"),
    [
        ("raw_interactions", {"watch_seconds": "1"}, "watch_seconds"),
        ("validated_interactions", {"watch_ms": -1}, "watch_ms"),
        ("validated_interactions", {"event_type": "hover"}, "event_type"),
        ("validated_interactions", {"device": None}, "device"),
        ("training_features", {"entity": "house"}, "entity"),
        ("training_features", {"active_days": 8}, "active_days"),
        ("training_features", {"user_id": "u"}, "users have a user_id"),
        ("training_features", {"item_id": None}, "items have an item_id"),
    ],
)
def test_what_is_wrong_is_named(name, broken, said, tables):
    table = tables[name]
    values = {column: pl.lit(v, None if isinstance(v, str) else table.schema[column]) for column, v in broken.items()}
    with pytest.raises(ContractError, match=said):
        check(getattr(contracts, name), table.with_columns(**values), name, "2026-01-03")


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 3)), max_size=30))
def test_the_first_of_each_is_found(rows):
    frame = pl.DataFrame(rows, schema={"x": pl.String, "y": pl.Int64}, orient="row")
    assert first_of_each(frame, ["x", "y"]).to_list() == [row not in rows[:n] for n, row in enumerate(rows)]
