"""What a branch did not choose does not stand, for whoever reads: in production, in versions, through windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.backfill.snapshot import Snapshot
from counterpoint.model import Status
from counterpoint.runtime import Freshness, context_of, find_pipeline, freshness
from counterpoint.storage import Store, promote

if TYPE_CHECKING:
    from conftest import Toys

DAY = "2026-01-03"


def store_of(toys: Toys, version: str = "production", kind: type[Store] = Store) -> Store:
    return kind(str(toys.root), find_pipeline("toys:branchy"), version)


def standing(toys: Toys, version: str = "production") -> set[str]:
    found = {name for name in ("registered", "held") if store_of(toys, version).entry(name, DAY)}
    assert found == {name for name in ("registered", "held") if DAY in store_of(toys, version).entries(name)}
    assert found == {name for name in ("registered", "held") if store_of(toys, version, Snapshot).entry(name, DAY)}
    return found


def test_a_step_that_is_not_chosen_is_skipped_and_not_fresh(toys: Toys) -> None:
    record = toys.run(toys.request("branchy", DAY, steps=("gate", "registered", "held")))
    assert record.step("held").status is Status.SKIPPED
    request = toys.request("branchy", DAY, steps=())
    assert freshness(context_of(request, "held")) is Freshness.SKIPPED
    assert freshness(context_of(request, "registered")) is Freshness.FRESH


def test_after_another_choice_one_branch_stands(toys: Toys) -> None:
    steps = ("gate", "registered", "held")
    toys.run(toys.request("branchy", DAY, steps=steps, run_id="first"))
    assert standing(toys) == {"registered"}
    toys.run(toys.request("branchy", DAY, steps=steps, run_id="second", config={"limit": 1}))
    assert standing(toys) == {"held"}
    assert not list((toys.root / "catalog/production/branchy/registered").glob("*"))


def test_the_choice_alone_withdraws_what_it_is_against(toys: Toys) -> None:
    """As when the process dies after the branch has published and before anything else is done."""
    steps = ("gate", "registered", "held")
    toys.run(toys.request("branchy", DAY, steps=steps, run_id="first"))
    kept = (toys.root / f"catalog/production/branchy/registered/{DAY}.json").read_bytes()
    toys.run(toys.request("branchy", DAY, steps=("gate",), run_id="second", config={"limit": 1}))
    (toys.root / f"catalog/production/branchy/registered/{DAY}.json").write_bytes(kept)
    assert standing(toys) == set()


def test_a_version_decides_for_itself_and_its_promotion_for_production(toys: Toys) -> None:
    steps = ("gate", "registered", "held")
    toys.run(toys.request("branchy", DAY, steps=steps, run_id="first"))
    toys.run(toys.request("branchy", DAY, steps=steps, run_id="b0", version="b1"))
    toys.run(toys.request("branchy", DAY, steps=steps, run_id="b1", version="b1", config={"limit": 1}))
    assert (standing(toys), standing(toys, "b1")) == ({"registered"}, {"held"})
    promote(store_of(toys, "b1"))
    assert standing(toys) == {"held"}


def test_a_window_has_nothing_of_a_day_that_was_not_chosen(toys: Toys) -> None:
    steps = ("gate", "registered", "held")
    toys.run(toys.request("branchy", "2026-01-02", steps=steps, run_id="before", config={"limit": 1}))
    record = toys.run(toys.request("branchy", DAY, steps=("after_registered",)))
    assert record.status is Status.SUCCESS
    assert store_of(toys).read(record.step("after_registered").output) == {"2026-01-02": None}
