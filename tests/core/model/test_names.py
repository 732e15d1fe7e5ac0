"""Names and dates at the edge of what can be: refused when they are written, with one clear error."""

from __future__ import annotations

import pytest

from counterpoint.errors import DefinitionError, UsageError
from counterpoint.model import PartitionKind, Partitions, Pipeline, load, step


def one(x):
    return x


def pipeline(name: str, *steps: str) -> Pipeline:
    return Pipeline(name, tuple(step(one, name=s) for s in steps or ("a",)), config={"x": 1})


BAD = (
    *("../../escape", "a/b", "my\tpipe", "..", ".", "-rf", "a-b", "Ünï", "a%2fb", "a#1", "<b>x</b>", "a:b", "a*b"),
    *(".promotion.json", "1st", "_x", "con.txt", "a\\b", " ", "a b", "a\0b", "a\x1b[31m", "a\n", "x" * 101, "日本"),
)


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_what_is_no_name_on_every_side_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match="pipeline .*: its name must be an identifier"):
        pipeline(name)
    with pytest.raises(DefinitionError, match="step .*: its name must be an identifier"):
        pipeline("p", name)


@pytest.mark.parametrize("name", ["", "x" * 5000])
def test_a_refusal_is_short(name: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        pipeline(name)
    assert len(str(refused.value)) < 250
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("name", ["a", "A9_", "x" * 100, "streamrec"])
def test_a_name_is_a_name(name: str) -> None:
    assert pipeline(name, "b").name == name
    assert pipeline("other", name).step_names == (name,)


def test_steps_that_differ_in_capitals_alone_are_refused() -> None:
    with pytest.raises(DefinitionError, match="steps 'load' and 'Load' differ in capitals alone"):
        pipeline("p", "load", "other", "Load")


@pytest.mark.parametrize("name", ["run", "request", "lineage", "Run"])
def test_the_files_of_a_run_are_no_steps(name: str) -> None:
    with pytest.raises(DefinitionError, match="that is a file of every run"):
        pipeline("p", name)


@pytest.mark.parametrize("reference", [":x", "..x:y", "x:", "x", "a b:c", "x:y.", "", "a\0:b"], ids=ascii)
def test_a_reference_that_names_nothing_is_refused(reference: str) -> None:
    with pytest.raises(DefinitionError, match="names nothing: write package.module:name"):
        load(reference)


@pytest.mark.parametrize(
    ("kind", "last", "first"),
    [
        (PartitionKind.DAILY, "9999-12-31", "1000-01-01"),
        (PartitionKind.HOURLY, "9999-12-31T23", "1000-01-01T00"),
        (PartitionKind.MONTHLY, "9999-12", "1000-01"),
    ],
)
def test_the_last_of_all_partitions_has_no_end(kind: PartitionKind, last: str, first: str) -> None:
    partitions = Partitions(kind, first)
    with pytest.raises(UsageError, match=f"partition {last}: 1 after it there is no date any more"):
        partitions.partition(last)
    with pytest.raises(UsageError, match="choose an earlier one"):
        partitions.range(last, last)
    with pytest.raises(UsageError, match="before it there is no date any more.*choose a later one"):
        partitions.shift(first, -10_000_000)
