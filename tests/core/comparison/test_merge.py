"""Reports of several machines as one: what is kept apart, what is taken once, and what goes across."""

from __future__ import annotations

import copy
import json
import random
from functools import reduce
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from referencing import Registry, Resource

from counterpoint.cli.main import main
from counterpoint.errors import UsageError
from counterpoint_compare.merge import merge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Results = dict[str, Any]

SCHEMAS = Path(__file__).parents[3] / "docs/schemas"
SCHEMA, OF_ONE = (
    json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")) for name in ("merged", "results")
)


def check(found: Mapping[str, Any]) -> None:
    known = Registry().with_resource("results.schema.json", Resource.from_contents(OF_ONE))
    jsonschema.Draft202012Validator(SCHEMA, registry=known).validate(json.loads(json.dumps(found)))


def merged(*reports: Results) -> dict[str, Any]:
    found = merge({f"report {number}": report for number, report in enumerate(reports)})
    check(found)
    return found


def kept(results: Results, folder: Path) -> None:
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")


def on(report: Results, **machine: Any) -> Results:
    return {**report, "machine": {**report["machine"], **machine}}


def test_seconds_stay_with_their_machine_and_ratios_go_across(invented: Callable[..., Any]) -> None:
    drawn = invented()
    slow = dict.fromkeys(("local", "airflow", "dagster"), 10.0)
    found = merged(on(drawn.report(3), cores=8), on(drawn.report(3, slow), cores=2))
    assert len(found["machines"]) == 2
    seconds = [
        next(figure["on"]["airflow 3.3.2"]["values"] for figure in machine["figures"] if figure["name"] == name)
        for machine in found["machines"]
        for name in ("empty.run.seconds",)
    ]
    assert [len(values) for values in seconds] == [3, 3], "nothing is pooled over machines"
    assert min(seconds[0]) > 3 * max(seconds[1]), "2 cores come first by name"
    ratios = {(row["name"], row["side"]): row for row in found["ratios"]}
    row = ratios["empty.run.seconds", "dagster 1.13.27"]
    assert (row["to"], len(row["on"])) == ("airflow 3.3.2", 2)
    assert row["low"] <= row["median"] <= row["high"] == max(row["on"].values())
    assert row["median"] == pytest.approx(3, rel=0.15)
    assert ratios["empty.run.seconds", "local 0.1.0"]["median"] == pytest.approx(1 / 3, rel=0.15)


def test_the_order_of_the_reports_does_not_matter(invented: Callable[..., Any]) -> None:
    drawn = invented()
    reports = [on(drawn.report(2), cores=8), drawn.report(3), drawn.report(1)]
    found = [json.dumps(merged(*some)) for some in permutations(reports)]
    assert len(set(found)) == 1


def test_a_bout_that_stands_twice_is_taken_once(invented: Callable[..., Any], rebuilt: Callable[..., Results]) -> None:
    drawn = invented()
    first, more = drawn.report(2), drawn.bouts(1)
    longer = rebuilt(first, [*first["bouts"], *more], 3)
    found = merged(first, longer, copy.deepcopy(first))
    (machine,) = found["machines"]
    assert machine["bouts"] == [
        {**bout, "orchestrator": f"{bout['orchestrator']} {bout['version']}"} for bout in longer["bouts"]
    ]
    assert (found["duplicates"], set(machine["rounds"].values())) == (12, {3})
    assert merged(longer, longer)["machines"] == merged(longer)["machines"]


def test_versions_are_kept_apart_by_name(invented: Callable[..., Any], rebuilt: Callable[..., Results]) -> None:
    drawn = invented()
    old, new = drawn.report(1), drawn.report(1)
    for bout in new["bouts"]:
        if bout["orchestrator"] == "airflow":
            bout["version"] = "3.4.0"
    (machine,) = merged(old, rebuilt(new, new["bouts"]))["machines"]
    assert machine["rounds"] == {"airflow 3.3.2": 1, "airflow 3.4.0": 1, "dagster 1.13.27": 2, "local 0.1.0": 2}
    (machine,) = merged(old, {**old, "counterpoint": "9.0"} | {"bouts": drawn.bouts(1)})["machines"]
    assert machine["rounds"].keys() >= {"airflow 3.3.2 (Counterpoint 0.1.0)", "airflow 3.3.2 (Counterpoint 9.0)"}
    names = [machine["name"] for machine in merged(old, on(old, python="3.99.0"))["machines"]]
    assert [name.rpartition(", ")[2] for name in names][-1] == "Python 3.99"


def test_a_ratio_is_to_the_side_that_most_machines_have(
    invented: Callable[..., Any], rebuilt: Callable[..., Results]
) -> None:
    drawn = invented()
    both, few = drawn.report(1), drawn.report(1)
    few = rebuilt(few, [bout for bout in few["bouts"] if bout["orchestrator"] != "airflow"])
    found = merged(both, on(few, cores=64))
    rows = {row["side"]: row for row in found["ratios"] if row["name"] == "empty.run.seconds"}
    assert {row["to"] for row in rows.values()} == {"dagster 1.13.27"}
    assert {side: len(row["on"]) for side, row in rows.items()} == {"airflow 3.3.2": 1, "local 0.1.0": 2}


def test_data_that_differ_on_a_machine_are_told_with_it(invented: Callable[..., Any]) -> None:
    report = invented().report(1)
    assert merged(report, on(report, cores=64))["equal"]
    other = on(copy.deepcopy(report), cores=64)
    other["outputs"][0]["digests"]["local"] = f"sha256:{'f' * 64}"
    del other["outputs"][1]
    found = merged(report, other)
    assert (found["equal"], [row["equal"] for row in found["outputs"]]) == (False, [False, False])
    model, raw = (row["digests"] for row in found["outputs"])
    assert len(raw[f"sha256:{'a' * 64}"]) == 2
    assert len(raw[f"sha256:{'f' * 64}"]) == len(model["none"]) == 1
    assert not merged(report, {**report, "equal": False})["equal"], "a side failed there"


def test_reports_of_other_things_or_workloads_are_refused(
    invented: Callable[..., Any], rebuilt: Callable[..., Results]
) -> None:
    report = invented().report(1)
    with pytest.raises(UsageError, match=r"report 0 is of date 2026-01-07, report 1 of 2026-01-08"):
        merged(report, {**report, "date": "2026-01-08"})
    bouts = copy.deepcopy(report["bouts"])
    for bout in bouts:
        bout["runs"] = bout["runs"][:1]
    with pytest.raises(UsageError, match=r"workload empty is 2 x 8 steps in report 0, 1 x 8 steps in report 1"):
        merged(report, rebuilt(report, bouts))


def test_the_command_writes_a_report_of_its_own(
    invented: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = invented()
    one, other, out = tmp_path / "one", tmp_path / "other", tmp_path / "all"
    kept(drawn.report(2), one)
    kept(on(drawn.report(2), system="Linux 9.9 <b>", processor="<i>arm"), other)
    assert main(["compare", "--merge", str(one / "results.json"), str(other), "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    check(told)
    assert told == json.loads((out / "results.json").read_text(encoding="utf-8"))
    page, text = ((out / name).read_text(encoding="utf-8") for name in ("index.html", "report.md"))
    assert "results of 2 machines" in page
    assert "<i>arm" not in page
    assert not any(word in page for word in ("http", "<script", "<link"))
    assert "| dagster 1.13.27 / airflow 3.3.2 | 2 |" in text
    assert main(["compare", "--against", str(out), str(one)]) == 2
    assert "name the reports that it was merged from" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "words"), [([], "name its folder with --out DIR"), (["--out", "one"], "would overwrite")]
)
def test_no_report_is_overwritten(
    out: list[str],
    words: str,
    invented: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    kept(invented().report(1), Path("one"))
    before = Path("one/results.json").read_bytes()
    assert main(["compare", "--merge", "one/results.json", *out]) == 2
    assert words in capsys.readouterr().err
    assert Path("one/results.json").read_bytes() == before


def places_of(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, as the keys that lead to it; of lists the first two elements."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    return [found for key, one in inner for found in ((*place, key), *places_of(one, (*place, key)))]


def test_whatever_is_wrong_in_a_report_is_one_clear_error(
    invented: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.loads(json.dumps(invented().report(2)))
    rng = random.Random(3)  # noqa: S311 - what is damaged
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
    (tmp_path / "good" / "results.json").write_text(json.dumps(good), encoding="utf-8")
    words = [str(tmp_path / "good"), str(tmp_path / "bad")]
    places = [place for place in places_of(good) if place[0] != "tours"]
    documents: list[str] = ["", "[]", "null", "{}", "[" * 100_000, '{"a": NaN}', "\0"]
    for _ in range(24):
        bad, (*way, last) = copy.deepcopy(good), rng.choice(places)
        holder = reduce(lambda inner, key: inner[key], way, bad)
        holder[last] = rng.choice([None, "x", [], {}, -1, 1e308, float("inf"), True, "<b>", [[[]]]])
        documents.append(json.dumps(bad))
    for text in documents:
        (tmp_path / "bad" / "results.json").write_text(text, encoding="utf-8")
        for asked in (["--merge", *words, "--out", str(tmp_path / "out")], ["--against", *words]):
            code = main(["compare", *asked])
            said = capsys.readouterr().err
            assert code in {0, 2, 4}, (text[:100], said)
            assert code != 2 or said.startswith("counterpoint: "), said


def test_a_report_that_is_no_json_to_work_with_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results.json").write_text("[" * 100_000, encoding="utf-8")
    assert main(["compare", "--merge", str(tmp_path), str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "is no JSON: name a results.json" in capsys.readouterr().err
