"""What a lineage says of code, feature sets, contracts and mapped steps, so that a run can be made again."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workshop import BEFORE, DAY, PIPELINE, SECRET, Workshop, days_of_events

from counterpoint.lineage import gather
from counterpoint.lineage.features import _contract
from counterpoint.lineage.functions import MODULE, functions_in
from counterpoint.lineage.patch import LONGEST, checkout_of, patch_of
from counterpoint.model import Input, Output, OutputKind, Pipeline, Step, Window
from counterpoint.storage import Store, json_digest

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
import math

LIMIT = 3

def plain(x):
    return x + 1

class Shape:
    sides = 4

    def area(self, x):
        return x * x
"""


def changed(before: str, after: str) -> set[str]:
    left, right = (functions_in(text.encode()) for text in (before, after))
    return {name for name in left.keys() | right.keys() if left.get(name) != right.get(name)}


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("x + 1", "x + 2", {"plain"}),
        ("x * x", "x * 2", {"Shape.area"}),
        ("sides = 4", "sides = 5", {"Shape"}),
        ("LIMIT = 3", "LIMIT = 4", {MODULE}),
        ("def plain", "def simple", {"plain", "simple"}),
        ("    return x + 1", "    # a comment\n    return (x + 1)", set()),
    ],
)
def test_the_function_that_was_changed_is_the_one_with_another_digest(old: str, new: str, names: set[str]) -> None:
    assert changed(SOURCE, SOURCE.replace(old, new)) == names


@given(st.integers(), st.integers())
def test_a_constant_in_a_function_counts_and_nothing_else_does(left: int, right: int) -> None:
    names = changed(SOURCE.replace("x + 1", f"x + {left}"), SOURCE.replace("x + 1", f"x + {right}"))
    assert names == (set() if left == right else {"plain"})


def test_what_cannot_be_parsed_has_no_functions() -> None:
    assert functions_in(b"def (") == {}


def test_the_sources_are_the_modules_that_steps_reach(workshop: Workshop) -> None:
    found = gather(workshop.store, PIPELINE, workshop.request())
    assert found.sources["workshop"]["file"] == "tests/core/lineage/workshop.py"
    assert "made" in found.sources["workshop"]["functions"]
    assert "workshop" in found.reach["trained"]["modules"]
    assert "counterpoint" in found.reach["trained"]["versions"]


def test_an_output_tells_what_it_was_made_from_without_secrets(workshop: Workshop) -> None:
    workshop.trained()
    told = gather(workshop.store, PIPELINE, workshop.request()).made_from["trained"]
    assert (told["code"], told["inputs"], told["outside"]) == (json_digest("code"), {}, None)
    assert told["settings"] == {}  # it was made with settings of another hash


FEATURED = Step(
    "model",
    "workshop:made",
    inputs=(Input("events", "events", Window(-1)), Input("features", "features")),
    output=Output(OutputKind.MODEL),
)


def test_a_feature_set_has_the_tables_of_a_model_and_a_version_that_data_do_not_change(workshop: Workshop) -> None:
    pipeline = Pipeline("workshop", (*PIPELINE.steps[:2], FEATURED))
    store = Store(workshop.root, pipeline)
    kept = days_of_events(workshop)
    before = gather(store, pipeline, workshop.request()).feature_sets["model"]
    assert list(before["tables"]) == ["events", "features"]
    days = before["tables"]["events"]["partitions"]
    assert {day: part["digest"] for day, part in days.items()} == {day: kept[day].digest for day in (BEFORE, DAY)}
    workshop.keep(PIPELINE.steps[0], pl.DataFrame({"x": [9]}), DAY)
    after = gather(store, pipeline, workshop.request()).feature_sets["model"]
    assert after["version"] == before["version"]
    assert after["tables"]["events"]["partitions"][DAY] != days[DAY]


def test_each_element_of_a_mapped_step_is_told(workshop: Workshop) -> None:
    mapped = Step("parts", "workshop:made", settings=("sizes",), map_over="sizes", output=Output(OutputKind.VALUE))
    pipeline = Pipeline("workshop", (mapped,), config={"sizes": [1, 2]})
    other = Workshop(workshop.root)
    other.store = Store(workshop.root, pipeline)
    digests = [other.keep(mapped, number, f"{DAY}.{number}").digest for number in range(2)]
    found = gather(other.store, pipeline, workshop.request())
    assert [each["digest"] for each in found.elements["parts"]] == digests
    assert set(found.made_from) == {"parts.0", "parts.1"}


def test_the_version_of_a_contract_is_declared_or_that_of_its_columns_and_checks() -> None:
    def schema(limit: int, **more: object) -> pa.DataFrameSchema:
        return pa.DataFrameSchema({"x": pa.Column(pl.Int64, pa.Check.ge(limit))}, **more)

    assert _contract(schema(1)) == _contract(schema(1)) != _contract(schema(2))
    assert _contract(schema(1, metadata={"version": "1.4"})) == "1.4"
    assert _contract(test_what_cannot_be_parsed_has_no_functions) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("a = 2\n", None),
        (f"password = '{SECRET}'\n", "a secret"),
        ("a = 1\n" * LONGEST, "characters"),
    ],
)
def test_the_change_of_a_dirty_tree_is_kept_unless_it_is_long_or_holds_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, told: str | None
) -> None:
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    (tmp_path / "steps.py").write_text("a = 1\n")
    (tmp_path / "notes.txt").write_text("private\n")
    for words in (["init", "-q"], ["add", "steps.py"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    (tmp_path / "steps.py").write_text(change)
    (tmp_path / "new.py").write_text("b = 1\n")
    sources = {name: {"file": f"{name}.py"} for name in ("steps", "new")}
    kept = patch_of(checkout_of(tmp_path / "steps.py"), {"dirty": True}, sources)
    assert kept is not None
    if told is not None:
        assert kept["text"] is None
        assert told in kept["reason"]
        return
    assert "private" not in kept["text"]
    other = tmp_path / "other"
    subprocess.run([*git, "worktree", "add", "-q", "--detach", str(other)], check=True)
    subprocess.run(["git", "-C", str(other), "apply", "-"], input=kept["text"], text=True, check=True)
    assert [(other / name).read_text() for name in ("steps.py", "new.py")] == [change, "b = 1\n"]


def test_a_clean_tree_has_no_change(tmp_path: Path) -> None:
    assert patch_of(tmp_path, {"dirty": False}, {}) is None
    assert patch_of(None, {"dirty": None}, {}) is None
    assert checkout_of(tmp_path) is None
