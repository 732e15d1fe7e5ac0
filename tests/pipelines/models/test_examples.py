"""Examples: what counts as positive, and the negatives that are drawn where a log holds none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamrec.encoding import UNKNOWN, Vocabulary
from streamrec.examples import NEGATIVES_PER_POSITIVE, catalogue_of, examples_of, positives_of, with_negatives

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Week

KEYS = ["user_id", "item_id", "as_of"]


def drawn_of(week: Week, seed: int = 7) -> pl.DataFrame:
    """The examples of the held-out day with drawn negatives."""
    catalogue = catalogue_of(week.features, week.day.day)
    return with_negatives(examples_of(week.held_out, week.day.key), catalogue, seed)


@pytest.mark.parametrize(
    ("kinds", "label"),
    [
        (["impression"], False),
        (["impression", "click"], False),
        (["click", "play"], True),
        (["complete"], True),
        (["like", "impression"], True),
    ],
)
def test_positive_is_what_was_played_completed_or_liked(
    kinds: list[str],
    label: bool,  # noqa: FBT001
    written: Callable[..., Week],
) -> None:
    found = examples_of(written([[("u1", "i1", kind) for kind in kinds]]).held_out, "2026-01-07")
    assert found["label"].to_list() == [label]


def test_there_is_one_example_per_user_item_and_day(week: Week) -> None:
    found = examples_of(week.held_out, week.day.key)
    assert set(found.select("user_id", "item_id").rows()) == set(week.held_out.select("user_id", "item_id").rows())
    assert not found.select(KEYS).is_duplicated().any()
    assert found["as_of"].unique().to_list() == [week.day.day]


def test_the_order_of_events_does_not_matter(week: Week) -> None:
    shuffled = week.held_out.sample(fraction=1.0, shuffle=True, seed=1)
    assert examples_of(shuffled, week.day.key).equals(examples_of(week.held_out, week.day.key))


def test_the_device_is_that_of_the_first_event(written: Callable[..., Week]) -> None:
    events = written([[("u1", "i1", "impression"), ("u1", "i1", "play")]]).held_out
    devices = events.with_columns(pl.Series("device", ["web", "tv"]))
    assert examples_of(devices, "2026-01-07")["device"].to_list() == ["web"]


def test_positives_of_a_window_leave_out_empty_days(written: Callable[..., Week]) -> None:
    found = positives_of(written([[("u1", "i1", "play"), ("u1", "i2", "click")], [], []]).interactions)
    assert found.select("user_id", "item_id").rows() == [("u1", "i1")]


def test_no_positives_have_the_columns_of_positives(written: Callable[..., Week]) -> None:
    found = positives_of(written([[], [("u1", "i1", "play")]]).interactions)
    assert found.is_empty()
    assert found.columns == positives_of({"2026-01-07": written([[("u1", "i1", "play")]]).held_out}).columns


def test_a_log_with_refusals_keeps_its_own_negatives(week: Week) -> None:
    assert drawn_of(week).equals(examples_of(week.held_out, week.day.key))


def test_negatives_are_drawn_where_there_are_none(purchases: Week) -> None:
    found = drawn_of(purchases)
    positives, negatives = int(found["label"].sum()), int((~found["label"]).sum())
    assert positives == len(examples_of(purchases.held_out, purchases.day.key))
    assert 0.9 * NEGATIVES_PER_POSITIVE * positives < negatives <= NEGATIVES_PER_POSITIVE * positives


def test_a_drawn_negative_is_none_of_what_the_user_had_that_day(purchases: Week) -> None:
    found = drawn_of(purchases)
    assert not found.select(KEYS).is_duplicated().any()
    had = set(purchases.held_out.select("user_id", "item_id").rows())
    assert had.isdisjoint(found.filter(~pl.col("label")).select("user_id", "item_id").rows())


def test_a_drawn_negative_has_the_category_and_device_that_it_must_have(purchases: Week) -> None:
    negatives = drawn_of(purchases).filter(~pl.col("label"))
    catalogue = catalogue_of(purchases.features, purchases.day.day)
    assert negatives.join(catalogue, on=["item_id", "category"], how="anti").is_empty()
    assert negatives.join(purchases.held_out, on=["user_id", "device"], how="anti").is_empty()


def test_the_seed_decides_what_is_drawn(purchases: Week) -> None:
    assert drawn_of(purchases).equals(drawn_of(purchases))
    assert not drawn_of(purchases).equals(drawn_of(purchases, seed=8))


def test_without_a_catalogue_nothing_is_drawn(purchases: Week, empty: Week) -> None:
    examples = examples_of(purchases.held_out, purchases.day.key)
    assert with_negatives(examples, catalogue_of(empty.features, empty.day.day), 7).equals(examples)


@settings(deadline=None)
@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=8))
def test_a_vocabulary_survives_its_storage(ids: list[str | None]) -> None:
    words = Vocabulary.of(pl.Series("id", ids, dtype=pl.String))
    again = Vocabulary.from_arrays("x", words.arrays("x"))
    assert again.ids.equals(words.ids)
    known = sorted({one for one in ids if one is not None})
    assert again.rows(pl.Series(known, dtype=pl.String)).tolist() == list(range(1, len(known) + 1))


def test_ids_that_are_not_known_have_the_unknown_row() -> None:
    words = Vocabulary.of(pl.Series(["b", "a", "b"]))
    assert words.rows(pl.Series(["b", "x", None, "a"])).tolist() == [2, UNKNOWN, UNKNOWN, 1]
