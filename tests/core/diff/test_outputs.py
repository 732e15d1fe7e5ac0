"""Versions of a pipeline's data, and runs: matched by step and partition, read only where digests differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from orchard import DAYS, METRICS, ROWS, apples, day_of, model, publish, record, store

from counterpoint.diff import diff_versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.storage import Store

    Command = Callable[..., tuple[int, Any, str]]

NAME = "orchard:PIPELINE"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def production(root: Path) -> Store:
    at = store(root)
    for day in DAYS[:2]:
        day_of(at, day, 1.0, 2.0)
    return at


def spoil(at: Store, *rooms: str) -> None:
    """Makes all data below some folders unreadable."""
    for room in rooms or ("tables", "artifacts"):
        for path in at.list(room):
            if "_delta_log" not in path:
                Path(at.uri(path)).write_bytes(b"spoilt")


def outputs(document: Any, *, equal: bool = False) -> list[tuple[str, str]]:
    return [(o["step"], o["partition"]) for o in document["outputs"] if o["equal"] is equal]


def test_equal_digests_end_it_before_any_value_is_read(root: Path, production: Store, command: Command) -> None:
    for day in DAYS[:2]:
        day_of(store(root, "v2"), day, 1.0, 2.0)
    spoil(production)
    code, document, told = command(f"{NAME}@v2", f"{NAME}@production")
    assert (code, document["equal"], len(document["outputs"])) == (0, True, 8), told
    assert not any(output["read"] for output in document["outputs"])


def test_only_what_differs_is_read(root: Path, production: Store, command: Command) -> None:
    trial = store(root, "v2")
    day_of(trial, DAYS[0], 1.0, 2.0)
    day_of(trial, DAYS[1], 1.0, 2.5)
    for path in production.list("tables"):
        if f"date={DAYS[0]}" in path:
            Path(production.uri(path)).write_bytes(b"spoilt")
    code, document, told = command(f"{NAME}@production", f"{NAME}@v2")
    assert code == 4, told
    assert outputs(document) == [(step, DAYS[1]) for step in ("rows", "model", "metrics")]
    table, weights, metrics = (output for output in document["outputs"] if not output["equal"])
    assert (table["kind"], table["rows"]["changed"], table["key"]["columns"]) == ("table", 1, ["tree"])
    assert [(s["key"], s["left"], s["right"]) for s in table["samples"]] == [({"tree": "t1"}, 2.0, 2.5)]
    assert [(t["name"], t["changed"], t["max_abs_diff"]) for t in weights["tensors"]] == [("w", 1, 0.5)]
    assert [(v["path"], v["abs_diff"]) for v in metrics["values"]] == [("sum", 0.5)]
    assert "rows of 2026-01-02" not in told  # that is for people, who did not ask for JSON


def test_a_tolerance_makes_them_equal_where_it_fits(root: Path, production: Store, command: Command) -> None:
    day_of(store(root, "v2"), DAYS[0], 1.0, 2.5)
    sides = (f"{NAME}@production", f"{NAME}@v2")
    assert command(*sides, "--tolerance", "0.5")[0] == 0
    code, document, _ = command(*sides, "--tolerance", "weight=0.5,sum=0.5", "--key", "tree")
    assert (code, outputs(document)) == (4, [("model", DAYS[0])])
    assert outputs(command(*sides, "--key", "weight")[1]) == [(step, DAYS[0]) for step in ("rows", "model", "metrics")]


def test_a_version_lies_over_production(root: Path, production: Store, command: Command) -> None:
    trial = store(root, "v2")
    publish(trial, METRICS, DAYS[1], {"sum": 3.0})
    publish(trial, METRICS, DAYS[2], {"sum": 3.0})
    found = diff_versions(trial, production)
    assert [(o.step, o.partition, o.equal) for o in found.outputs] == [("metrics", DAYS[1], True)]
    assert (found.only_left, found.only_right, found.equal) == ((("metrics", DAYS[2]),), (), False)
    publish(store(root, "v3"), ROWS, DAYS[0], apples(1.0, 2.0))
    code, document, _ = command(f"{NAME}@v3", f"{NAME}@v2")
    assert (code, outputs(document, equal=True)) == (4, [("rows", DAYS[0]), ("metrics", DAYS[1])])
    assert (document["only_left"], document["only_right"]) == ([], [{"step": "metrics", "partition": DAYS[2]}])


def test_an_unknown_version_is_refused_with_a_near_one(root: Path, command: Command) -> None:
    day_of(store(root, "trial"), DAYS[0], 1.0)
    code, document, told = command(f"{NAME}@trail", f"{NAME}@production")
    assert (code, document) == (2, None)
    assert "did you mean 'trial'?" in told


def test_runs_are_matched_by_step(root: Path, production: Store, command: Command) -> None:
    made = [day_of(production, day, *weights) for day, weights in zip(DAYS, ((1.0,), (1.0,), (2.0,)), strict=True)]
    for number, (day, outputs_) in enumerate(zip(DAYS, made, strict=True), 1):
        record(production, f"run-{number}", day, outputs_)
    code, document, _ = command("run-1", "run-2")
    assert (code, {o["partition"] for o in document["outputs"]}) == (0, {"2026-01-01 | 2026-01-02"})
    code, document, _ = command("run-1", "run-3")
    assert (code, [step for step, _ in outputs(document)]) == (4, ["rows", "model", "metrics"])
    assert [o["rows"]["changed"] for o in document["outputs"] if o["step"] == "rows"] == [1]
    record(production, "half", DAYS[0], made[0][:2])
    code, document, _ = command("run-1", "half")
    assert (code, [o["step"] for o in document["only_left"]]) == (4, ["model", "metrics"])
    assert command("run-1", f"{NAME}@production")[0] == 2


def test_elements_of_a_mapped_step_are_outputs_of_their_own(root: Path, production: Store, command: Command) -> None:
    from dataclasses import replace

    from counterpoint.model import Status, StepRecord

    for run_id, last in (("a", 3.0), ("b", 4.0)):
        parts = [publish(production, METRICS, f"{DAYS[0]}.{n}", {"n": value}) for n, value in enumerate((1.0, last))]
        digest = "sha256:" + run_id * 64
        record(production, run_id, DAYS[0], [replace(parts[0], kind="mapped", partition=DAYS[0], digest=digest)])
        for number, part in enumerate(parts):
            told = StepRecord("metrics", Status.SUCCESS, output=part)
            production.put_json(f"runs/orchard/{run_id}/metrics.{number}.json", told.to_dict())
    code, document, _ = command("a", "b")
    assert (code, outputs(document)) == (4, [("metrics", f"{DAYS[0]}.1")])
    assert outputs(document, equal=True) == [("metrics", f"{DAYS[0]}.0")]


def test_data_that_is_gone_is_named(root: Path, production: Store, command: Command) -> None:
    day_of(store(root, "v2"), DAYS[0], 5.0)
    spoil(production, "tables/v2")
    code, document, told = command(f"{NAME}@production", f"{NAME}@v2")
    assert (code, document, len(told.splitlines())) == (2, None, 1)
    assert "cannot be read" in told


def test_people_are_told_on_stdout(
    root: Path, production: Store, capsys: pytest.CaptureFixture[str], command: Command
) -> None:
    from counterpoint.cli.main import main

    trial = store(root, "v2")
    day_of(trial, DAYS[1], 1.0, 2.5)
    publish(trial, ROWS, DAYS[2], apples())
    publish(trial, METRICS, DAYS[0], {"sum": "much"})
    assert main(["diff", f"{NAME}@production", f"{NAME}@v2", "--root", str(root)]) == 4
    told = capsys.readouterr()
    assert told.err == ""
    for said in ("rows of 2026-01-02", "matched by tree (detected)", "right only", "float32[2]", "much", "different"):
        assert said in told.out


def test_tables_of_another_schema(root: Path, production: Store, command: Command) -> None:
    publish(store(root, "v2"), ROWS, DAYS[0], apples(1.0, 2.0).with_columns(weight=pl.lit("x"), kind=pl.lit(1)))
    code, document, _ = command(f"{NAME}@production", f"{NAME}@v2", "--tolerance", "weight=1")
    (found,) = document["outputs"]
    assert (code, found["schema"]["only_right"], found["rows"]["changed"]) == (4, ["kind"], 0)
    assert [(t["name"], t["compared"]) for t in found["schema"]["types"]] == [("weight", False)]


def test_another_model_of_the_same_metrics(root: Path, production: Store, command: Command) -> None:
    from orchard import MODEL

    publish(store(root, "v2"), MODEL, DAYS[0], model(1.0, 2.0, 3.0))
    code, document, _ = command(f"{NAME}@production", f"{NAME}@v2")
    assert (code, document["outputs"][0]["tensors"]) == (
        4, [{"name": "w", "left": "float32[2]", "right": "float32[3]", "changed": None, "max_abs_diff": None}]
    )  # fmt: skip
