"""What the comparison says of its sides: equal, different, or not all there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from counterpoint.cli.parser import parser
from counterpoint_compare import tour
from counterpoint_compare.cli.compare import run
from counterpoint_compare.code import code_sizes
from counterpoint_compare.measured import Measured, measure
from counterpoint_compare.report import write_report
from counterpoint_compare.results import results_of
from counterpoint_compare.rounds import Progress, tours_of
from counterpoint_compare.runs import Comparison, Contestant
from counterpoint_compare.summary import summary_of

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/results.schema.json").read_text(encoding="utf-8"))
ASKED = Comparison("streamrec", "2026-01-07", ("local", "dagster"), "/tmp/none", "synthetic:rows=9")  # noqa: S108
CODE = {"counterpoint (core)": {"files": 1, "lines": 2}}


def step(name: str, content: str | None) -> dict[str, Any]:
    output = {"uri": f"file:///{name}", "rows": 3, "digest": f"sha256:{content * 64}"} if content else None
    return {
        "name": name,
        "status": "success" if content else "failed",
        "attempts": 1,
        "started": "2026-01-08T02:00:00+00:00",
        "ended": "2026-01-08T02:00:01.500000+00:00",
        "output": output,
        "metrics": {"model": {"auc": 0.625}, "popularity": {"auc": 0.5}, "users": 12} if name == "evaluation" else {},
        "cpu_seconds": 1.25,
        "peak_memory": 1000,
    }


def side(name: str, contents: Mapping[str, str | None], code: int = 0) -> Contestant:
    steps = [step(*item) for item in contents.items()]
    record = {
        "run_id": f"run-{name}",
        "orchestrator_version": "1.0",
        "status": "failed" if code else "success",
        "date": "2026-01-07",
        "started": steps[0]["started"],
        "ended": steps[0]["ended"],
        "steps": steps,
        "upstream": [{"date": "2026-01-06", "steps": [step("raw", "c")]}],
    }
    return Contestant(name, ("counterpoint", "run"), Measured(code, "", 10.0, 12.5, 2**30, 4), record)


def results(*sides: Contestant) -> dict[str, Any]:
    found = results_of(ASKED, sides, CODE)
    jsonschema.validate(found, SCHEMA)
    return found


SAME = {"raw": "a", "evaluation": "b"}


def test_equal_digests_are_equal() -> None:
    found = results(side("local", SAME), side("dagster", SAME))
    assert found["equal"]
    assert [(row["date"], row["step"]) for row in found["outputs"]] == [
        ("2026-01-06", "raw"),
        ("2026-01-07", "raw"),
        ("2026-01-07", "evaluation"),
    ]
    assert found["orchestrators"][1]["step_cpu_seconds"] == 3.75
    assert found["orchestrators"][1]["run_seconds"] == 1.5


@pytest.mark.parametrize("other", [{"raw": "a", "evaluation": "f"}, {"raw": "a", "evaluation": None}, {"raw": "a"}])
def test_a_digest_that_differs_or_is_missing_is_not_equal(other: dict[str, str | None]) -> None:
    found = results(side("local", SAME), side("dagster", other))
    assert not found["equal"]
    assert [row["equal"] for row in found["outputs"]] == [True, True, False]


def test_what_no_side_chose_is_equal() -> None:
    def skipped(name: str, *others: str) -> Contestant:
        found = side(name, {**SAME, "held": None})
        for one in found.record["steps"]:
            one["status"] = "skipped" if one["name"] in ("held", *others) else one["status"]
        return found

    assert results(skipped("local"), skipped("dagster"))["equal"]
    assert not results(skipped("local"), side("dagster", {**SAME, "held": "e"}))["equal"]
    assert not results(skipped("local"), side("dagster", {**SAME, "held": None}))["equal"]


def test_a_side_that_failed_is_named_and_nothing_is_called_equal() -> None:
    nothing = Contestant("dagster", ("counterpoint", "run"), Measured(3, "", 1.0, 1.0, 0, 0), None)
    found = results(side("local", SAME), nothing)
    assert (found["equal"], found["failed"]) == (False, ["dagster"])
    assert found["orchestrators"][1]["status"] == "did not run"
    assert not results(nothing)["equal"]


def test_equal_digests_of_a_run_that_failed_are_no_success() -> None:
    found = results(side("local", SAME), side("dagster", SAME, code=1))
    assert (found["equal"], found["failed"]) == (False, ["dagster"])


def test_the_report_shows_what_differs(tmp_path: Path) -> None:
    found = results(side("local", SAME), side("dagster", {"raw": "a", "evaluation": "f"}))
    page = write_report(found, tmp_path / "out").read_text(encoding="utf-8")
    assert "Different: 1 of 3 outputs differ" in page
    assert page.count("✗ differs") == 1
    assert "bbbbbbbbbbbb" in page
    assert "ffffffffffff" in page
    assert "<td>0.6250</td><td>0.5000</td>" in page
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "| evaluation | 2026-01-07 | 3 | `bbbbbbbbbbbb` | `ffffffffffff` | DIFFERS |" in text
    assert json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8")) == json.loads(json.dumps(found))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["index.html", "report.md", "results.json"]


def test_what_a_pipeline_is_called_cannot_break_the_page(tmp_path: Path) -> None:
    found = results(side("local", {"<script>alert(1)</script>": "a"}))
    assert "<script>" not in write_report(found, tmp_path).read_text(encoding="utf-8")


@pytest.mark.parametrize(("other", "code"), [(SAME, 0), ({"raw": "f"}, 4)])
def test_the_exit_code_says_whether_all_is_equal(
    other: dict[str, str | None], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = [side("local", SAME), side("dagster", other)]
    monkeypatch.setattr("counterpoint_compare.runs.compare", lambda *_: sides)
    monkeypatch.setattr("counterpoint_compare.code.code_sizes", lambda *_, **__: CODE)
    monkeypatch.setattr("counterpoint_compare.cli.compare.python_of", lambda _: Path(sys.executable))
    args = parser().parse_args(["compare", "streamrec", "--rounds", "0", "--out", str(tmp_path / "report")])
    assert run(args) == code


def test_a_command_is_measured_with_its_children() -> None:
    burn = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass\nprint('done')"
    python = sys.executable
    parent = f"import subprocess; subprocess.run([{python!r}, '-c', {burn!r}], check=True); raise SystemExit(7)"
    found = measure([python, "-c", parent])
    assert (found.code, found.answer) == (7, "done\n")
    assert found.cpu_seconds >= 0.5
    assert found.wall_seconds >= 0.5


def test_code_is_counted_by_package() -> None:
    python = Path(sys.executable)
    sizes = code_sizes(lambda _: python, ("local",))
    whole = [sizes["counterpoint (core)"], sizes["streamrec (business logic)"]]
    assert all(size["files"] > 20 and size["lines"] > 1000 for size in whole)


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = tmp_path_factory.mktemp("tours")
    (met,) = tours_of(("local",), place, lambda _: Path(sys.executable), Progress(("local",)))
    assert tours_of(("local",), place, lambda _: Path(sys.executable), Progress(("local",))) == [met], "it is kept"
    assert [path.name[:11] for path in place.iterdir()] == ["tour-local-"]
    return met


def test_the_line_of_the_bug_is_named(toured: dict[str, Any]) -> None:
    bug = toured["bug"]
    lines = (Path(tour.__file__).parent / "orders.py").read_text(encoding="utf-8").splitlines()
    assert "HIGHEST_AMOUNT]" in lines[bug["line"] - 1]
    assert (bug["run"]["code"], bug["why"]["code"], bug["why"]["where"]) == (1, 0, True)
    assert bug["why"]["error"]["type"] == "NameError"
    assert bug["bug"] in bug["why"]["error"]["message"]


def test_the_corrupt_day_fails_alone_and_is_done_again_alone(toured: dict[str, Any]) -> None:
    week = toured["week"]
    blocked = ["2026-01-12", "2026-01-13"]
    wrong = {"2026-01-11": "failed", **dict.fromkeys(blocked, "blocked")}
    assert week["days"] == {f"2026-01-{day:02}": wrong.get(f"2026-01-{day:02}", "success") for day in range(8, 15)}
    assert week["blocked_by"] == {key: ["2026-01-11"] for key in blocked}
    # 7 days of five steps and the window's two of two steps; three days of three steps were not computed, one failed
    assert week["first"]["computed"] == 7 * 5 + 2 * 2 - 3 * 3 - 1
    # the day's file is read again, then everything of it, and what waited for it
    assert (week["first"]["code"], week["retry"]["code"], week["retry"]["computed"]) == (1, 0, 5 + 2 * 3)
    assert {state for row in week["after"]["partitions"] for state in row["steps"].values()} == {"fresh"}


def test_the_report_tells_of_it(toured: dict[str, Any], tmp_path: Path) -> None:
    picture = {"path": "/runs/1", "image": "aGVsbG8=", "reason": None}
    there = {**toured, "bug": {**toured["bug"], "page": picture}}
    none = {"path": "/runs/2", "image": None, "reason": "no Chromium here"}
    other = {**toured, "orchestrator": "dagster", "week": {**toured["week"], "page": none}}
    found = {**results(side("local", SAME), side("dagster", SAME)), "tours": [there, other]}
    page = write_report(found, tmp_path).read_text(encoding="utf-8")
    assert "data:image/png;base64,aGVsbG8=" in page
    assert "no screenshot (no Chromium here)" in page
    assert "✓ The same states on all sides." in page
    kept = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    jsonschema.validate(kept, SCHEMA)
    assert kept["tours"][0]["bug"]["page"] == {**picture, "image": None}
    differing = {**other, "week": {**other["week"], "before": other["week"]["after"]}}
    page = write_report({**found, "tours": [there, differing]}, tmp_path).read_text(encoding="utf-8")
    assert "✗ Different states on dagster" in page


def test_the_summary_marks_who_takes_least() -> None:
    def figure(**medians: float) -> dict[str, Any]:
        on = {
            name: {"median": value, "low": value, "high": value, "values": [value]} for name, value in medians.items()
        }
        return {"name": "start.seconds", "title": "", "unit": "s", "on": on}

    found = {**results(side("local", SAME)), "code": {**CODE, "streamrec orchestrated: a.py (airflow)": {"lines": 9}}}
    rows = {
        row["title"]: row
        for row in summary_of({**found, "figures": [figure(local=1.0, airflow=9.0, dagster=4.0, prefect=4.001)]})
    }
    started = rows["Start time of the services"]
    assert (started["on"]["airflow"], started["least"]) == ("9 s", ["dagster", "prefect"])
    assert rows["Lines of code that orchestrate StreamRec"] == {
        "title": "Lines of code that orchestrate StreamRec",
        "on": {"airflow": "9"},
        "least": [],
    }


@pytest.mark.parametrize(
    ("name", "newest"),
    [
        ("streamrec", "2026-01-07"),
        ("counterpoint.testing.scenarios:diamond", "2025-01-01T06"),
        ("counterpoint.testing.scenarios:fan_out", "2025-07"),
    ],
)
def test_without_a_date_the_partition_is_of_the_pipelines_own(name: str, newest: str) -> None:
    from counterpoint_compare.cli.compare import _comparison

    assert _comparison(parser().parse_args(["compare", name])).date == newest
