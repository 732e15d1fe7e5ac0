"""Backfills on the local runner: what is run, what is not, and what a bad day does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from counterpoint.backfill import dry_run, grid, manifest_of, prepare, promote_version
from counterpoint.errors import SourceError, UsageError
from counterpoint.runtime import find_pipeline
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from conftest import Farm

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/backfill.schema.json").read_text(encoding="utf-8"))
WEEK = tuple(f"2026-01-{day:02}" for day in range(5, 11))
BAD, WAITING = "2026-01-07", ("2026-01-08", "2026-01-09")


def statuses(report: dict[str, Any]) -> dict[str, str]:
    return {row["date"]: row["status"] for row in report["partitions"]}


def test_every_day_of_the_range_is_made_and_what_its_windows_need(farm: Farm) -> None:
    report = farm.backfill()
    jsonschema.validate(report, SCHEMA)
    assert statuses(report) == dict.fromkeys(WEEK, "success")
    assert [row["date"] for row in report["upstream"]] == ["2026-01-03", "2026-01-04"]
    assert farm.read("sums") == {key: 3 * int(key[-2:]) - 3 for key in WEEK}
    assert farm.read("report")["2026-01-10"] == [54, 10]
    assert set(farm.read("checked")) == {"2026-01-03", "2026-01-04", *WEEK}


def test_production_is_not_touched_until_the_version_is_promoted(farm: Farm) -> None:
    farm.backfill()
    assert farm.read("sums", "production") == {}
    found = promote_version("farm:harvest", "v2", farm.root)
    assert found["outputs"] == 2 * 2 + 5 * 6
    assert farm.read("report", "production") == farm.read("report")


def test_the_record_of_a_day_is_written_once_and_whole(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    put = Objects.put

    def counted(objects: Objects, path: str, data: bytes) -> None:
        written.extend([path] if path.endswith("/run.json") else [])
        put(objects, path, data)

    monkeypatch.setattr(Objects, "put", counted)
    report = farm.backfill()
    rows = [*report["partitions"], *report["upstream"]]
    assert sorted(written) == sorted(f"runs/harvest/{row['run_id']}/run.json" for row in rows)


def test_a_second_start_computes_nothing(farm: Farm) -> None:
    farm.backfill()
    calls = farm.calls("")
    again = farm.backfill()
    assert (again["computed"], again["saved"], farm.calls("")) == (0, 30, calls)
    assert statuses(again) == dict.fromkeys(WEEK, "success")


@pytest.mark.parametrize("strategy", ["sequential", "parallel", "prioritized"])
@pytest.mark.parametrize("text", ["corrupt", "kill"])
def test_a_bad_day_fails_alone_and_a_retry_redoes_what_waited_for_it(farm: Farm, strategy: str, text: str) -> None:
    farm.deliver(BAD, text)
    report = farm.backfill(strategy=strategy)
    jsonschema.validate(report, SCHEMA)
    rows = {row["date"]: row for row in report["partitions"]}
    assert statuses(report) == {
        **dict.fromkeys(WEEK, "success"),
        BAD: "failed",
        **dict.fromkeys(WAITING, "blocked"),
    }
    assert rows[BAD]["failed_step"] == "raw"
    assert rows[BAD]["error"]["type"] == ("SourceError" if text == "corrupt" else "StepKilledError")
    assert all(rows[key]["blocked_by"] == [BAD] for key in WAITING)
    assert not any(farm.calls(f"sums-{key}") for key in (BAD, *WAITING))
    with pytest.raises(UsageError, match=rf"{BAD} failed, 2026-01-08 blocked.*retry farm:harvest --backfill v2"):
        promote_version("farm:harvest", "v2", farm.root)
    farm.deliver(BAD, "7")
    calls = farm.calls("raw"), farm.calls("sums")
    again = farm.backfill(strategy=strategy)
    assert statuses(again) == dict.fromkeys(WEEK, "success")
    # the bad day's five steps, and the three of each day that waited for it
    assert (again["computed"], again["saved"]) == (5 + 2 * 3, 30 - 11)
    assert (farm.calls("raw") - calls[0], farm.calls("sums") - calls[1]) == (1, 3)
    assert farm.read("report") == {key: [6 * int(key[-2:]) - 6, int(key[-2:])] for key in WEEK}
    assert farm.read("sums") == {key: 3 * int(key[-2:]) - 3 for key in WEEK}


def test_what_is_fresh_in_production_is_taken_and_stays_as_it_was(farm: Farm) -> None:
    farm.backfill(version="v1")
    promote_version("farm:harvest", "v1", farm.root)
    farm.deliver("2026-01-10", "100")
    report = farm.backfill(version="v2")
    # of the last day everything, of the others nothing
    assert (report["computed"], report["saved"]) == (5, 25)
    assert farm.read("report")["2026-01-10"] == [2 * (8 + 9 + 100), 100]
    assert farm.read("report", "production")["2026-01-10"] == [54, 10]


def test_forced_it_is_all_computed_again_and_ends_the_same(farm: Farm) -> None:
    farm.backfill(version="v1")
    promote_version("farm:harvest", "v1", farm.root)
    report = farm.backfill(version="v2", force=True)
    assert (report["computed"], report["saved"]) == (30, 0)
    found = promote_version("farm:harvest", "v2", farm.root)
    assert (found["replaced"], found["equal"]) == (0, found["outputs"])


def test_only_stale_partitions_are_rebuilt(farm: Farm) -> None:
    farm.backfill(version="v1")
    promote_version("farm:harvest", "v1", farm.root)
    farm.deliver("2026-01-08", "80")
    report = farm.backfill(version="v2", first="2026-01-01", last="2026-01-12", stale_only=True)
    assert [row["date"] for row in report["partitions"]] == ["2026-01-08", "2026-01-09", "2026-01-10"]
    assert report["computed"] == 5 + 3 + 3


def test_a_day_that_is_not_there_fails_alone_but_a_wrong_source_is_named_before_anything_runs(farm: Farm) -> None:
    (farm.place / "days" / f"{BAD}.txt").unlink()
    report = farm.backfill()
    assert statuses(report)[BAD] == "failed"
    assert set(statuses(report).values()) == {"success", "failed", "blocked"}
    with pytest.raises(SourceError, match=r"farm:seen cannot tell what step raw reads for 2026-01-03: FileNotFound"):
        farm.backfill(version="v3", config={"folder": "nowhere"})


def test_an_empty_backfill_is_done_at_once(farm: Farm) -> None:
    farm.backfill(version="v1")
    promote_version("farm:harvest", "v1", farm.root)
    report = farm.backfill(version="v2", stale_only=True)
    assert (report["status"], report["partitions"], report["waves"]) == ("success", [], [])


def test_another_that_works_on_the_same_days_is_refused_by_name(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    farm.backfill(version="v1")
    store = farm.store("v1")
    manifest = manifest_of(store, "v1")
    manifest |= {"status": "running", "owner": {"host": "elsewhere", "pid": 1, "started": 0.0}}
    store.put_json("backfills/harvest/v1.json", manifest)
    with pytest.raises(
        UsageError, match="backfill v1 works on 2026-01-05 to 2026-01-10: process 1 on elsewhere owns it"
    ):
        farm.backfill(version="v2", first="2026-01-10", last="2026-01-12")
    assert farm.backfill(version="v3", first="2026-01-11", last="2026-01-12")["status"] == "success"


def test_a_dry_run_starts_and_writes_nothing(farm: Farm) -> None:
    plan = dry_run(prepare(farm.asked(), farm.root))
    assert not Path(farm.root).exists()
    assert (plan["cells"], len(plan["waves"]), plan["saved"]) == (34, 5, 0)
    assert plan["unknown_durations"] == ["checked", "doubled", "raw", "report", "sums"]
    assert {item["item"] for item in plan["checklist"]} == {
        "scope",
        "resources",
        "isolation of output",
        "baseline to compare with",
        "rollback",
        "owner",
        "monitoring",
    }


def test_a_dry_run_knows_what_the_steps_took_and_what_it_would_replace(farm: Farm) -> None:
    farm.backfill(version="v1", config={"pause": 0.3})
    promote_version("farm:harvest", "v1", farm.root)
    plan = dry_run(prepare(farm.asked(force=True, config={"pause": 0.3}), farm.root))
    assert plan["unknown_durations"] == []
    assert len(plan["would_replace"]) == 30
    assert plan["work_seconds"] >= 6 * 0.3
    assert plan["estimated_seconds"] >= plan["lower_bound_seconds"] >= plan["critical_seconds"]


def states(farm: Farm, version: str) -> dict[str, dict[str, str]]:
    pipeline = find_pipeline("farm:harvest").configured({"folder": str(farm.place)})
    found = grid(farm.root, "farm:harvest", pipeline, version)
    jsonschema.validate(found, json.loads((Path(__file__).parents[3] / "docs/schemas/status.schema.json").read_text()))
    return {row["date"]: row["steps"] for row in found["partitions"]}


def test_the_grid_tells_how_each_step_stands(farm: Farm) -> None:
    farm.deliver(BAD, "corrupt")
    farm.backfill()
    found = states(farm, "v2")
    assert found[BAD] == dict.fromkeys(("raw",), "failed") | dict.fromkeys(
        ("checked", "sums", "doubled", "report"), "blocked"
    )
    assert found["2026-01-08"]["checked"] == "fresh"
    assert found["2026-01-08"]["sums"] == "blocked"
    assert set(found["2026-01-10"].values()) == {"fresh"}
    assert found["2026-01-04"]["sums"] == "missing"
    farm.deliver("2026-01-09", "90")
    later = states(farm, "v2")
    assert later["2026-01-09"]["raw"] == "stale"
    assert later["2026-01-10"]["raw"] == "fresh"


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-01-10", "2026-01-05", "is reversed: write --from 2026-01-05"),
        ("2025-12-30", "2026-01-05", "lies before the pipeline's start"),
        ("2026-02-29", "2026-03-01", "'2026-02-29' is no partition"),
    ],
)
def test_a_wrong_range_is_named(farm: Farm, first: str, last: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        farm.backfill(first=first, last=last)
