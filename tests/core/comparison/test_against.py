"""What changed between two reports: beyond noise or not, on one machine or two, and what cannot be compared."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from counterpoint.cli.main import main
from counterpoint.errors import UsageError
from counterpoint_compare.regression import against, differs, write_against
from counterpoint_compare.significance import adjusted, chance, student

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Results = dict[str, Any]

SCHEMAS = Path(__file__).parents[3] / "docs/schemas"
SCHEMA = json.loads((SCHEMAS / "against.schema.json").read_text(encoding="utf-8"))


def compared(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    found = against(old, new)
    jsonschema.validate(json.loads(json.dumps(found)), SCHEMA)
    return found


def verdicts(found: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    return {(row["name"], row["side"]): row["verdict"] for row in found["figures"]}


def kept(results: Results, folder: Path) -> Path:
    """Its results.json, without the page, which takes long to draw."""
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder / "results.json"


def other_machine(results: Results) -> Results:
    return {**results, "machine": {**results["machine"], "cores": 64}}


@pytest.mark.parametrize(
    ("t", "freedom", "known"),
    [(4.302653, 2, 0.05), (2.776445, 4, 0.05), (2.306004, 8, 0.05), (8.610302, 4, 0.001), (0.0, 5, 1.0)],
)
def test_the_distribution_is_that_of_the_tables(t: float, freedom: float, known: float) -> None:
    assert student(t, freedom) == pytest.approx(known, rel=1e-3)
    assert student(-t, freedom) == student(t, freedom)


def test_the_test_is_that_of_welch() -> None:
    # of the logarithms; scipy.stats.ttest_ind(equal_var=False) says 0.0141
    terms = [(1, [12.0, 13.1, 11.4, 14.0]), (-1, [9.0, 10.5, 10.1])]
    assert chance(terms, "s") == pytest.approx(0.014104, rel=1e-3)


def test_chances_are_adjusted_by_how_many_there_are() -> None:
    # the example of five that every implementation agrees on
    assert adjusted([0.01, 0.04, 0.03, 0.005, 0.5]) == pytest.approx([0.025, 0.05, 0.05, 0.025, 0.5])
    assert adjusted([]) == []


def test_equal_distributions_are_seldom_told_as_different(invented: Callable[..., Any]) -> None:
    drawn = invented(seed=3, noise=0.08)
    alarms = [differs_or_better(against(drawn.report(3), drawn.report(3))) for _ in range(200)]
    assert sum(alarms) <= 10


def differs_or_better(found: Mapping[str, Any]) -> bool:
    assert len(found["figures"]) > 25
    return bool(differs(found) or found["better"])


@pytest.mark.parametrize("shape", ["normal", "uniform", "outliers"])
def test_noise_of_other_shapes_is_noise(shape: str) -> None:
    drawn = random.Random(11)  # noqa: S311 - invented

    def value() -> float:
        if shape == "uniform":
            return drawn.uniform(0.5, 1.5)
        return drawn.lognormvariate(0, 0.04) * (2 if shape == "outliers" and drawn.random() < 0.1 else 1)

    def pair() -> bool:
        terms = ([(1, [value() for _ in range(5)]), (-1, [value() for _ in range(5)])] for _ in range(20))
        return min(adjusted([chance(one, "s") for one in terms])) <= 0.02

    assert sum(pair() for _ in range(200)) <= 10


def test_a_planted_slow_down_is_found_and_nothing_else(invented: Callable[..., Any]) -> None:
    drawn = invented()
    old, new = drawn.report(), drawn.report(slower={"airflow": 1.3})
    found = compared(old, new)
    told = {key for key, verdict in verdicts(found).items() if verdict in {"worse", "better"}}
    assert told == {("empty.cold.seconds", "airflow"), ("empty.run.seconds", "airflow")}
    assert (found["worse"], found["better"], found["digests"]["equal"], differs(found)) == (2, 0, True, True)
    row = found["figures"][0]
    assert row["ratio"] == pytest.approx(row["new"]["median"] / row["old"]["median"])
    assert row["verdict"] == "worse", "what changed is first"


def test_a_small_change_is_not_told_however_certain(invented: Callable[..., Any]) -> None:
    drawn = invented(noise=0.001)
    found = compared(drawn.report(9), drawn.report(9, slower={"airflow": 1.08}))
    row = next(row for row in found["figures"] if (row["name"], row["side"]) == ("empty.run.seconds", "airflow"))
    assert row["chance"] < 0.02
    assert (row["verdict"], differs(found)) == ("alike", False)
    found = compared(drawn.report(9), drawn.report(9, slower={"airflow": 1.12}))
    assert found["worse"] == 2


def test_swapping_old_and_new_inverts_every_ratio(invented: Callable[..., Any]) -> None:
    drawn = invented(seed=3)
    old, new = drawn.report(), drawn.report(slower={"dagster": 0.6})
    there = {(row["name"], row["side"]): row for row in compared(old, new)["figures"]}
    back = {(row["name"], row["side"]): row for row in compared(new, old)["figures"]}
    assert there.keys() == back.keys()
    swapped = {"worse": "better", "better": "worse"}
    for key, row in there.items():
        assert row["ratio"] * back[key]["ratio"] == pytest.approx(1)
        assert row["chance"] == pytest.approx(back[key]["chance"])
        assert back[key]["verdict"] == swapped.get(row["verdict"], row["verdict"])
    assert "better" in verdicts({"figures": there.values()}).values()


def test_a_report_has_not_changed_since_itself(invented: Callable[..., Any]) -> None:
    report = invented().report()
    found = compared(report, report)
    assert (found["changes"], found["left_out"], differs(found)) == ([], [], False)
    assert {row["ratio"] for row in found["figures"]} == {1.0}


@pytest.mark.parametrize("rounds", [1, 2])
def test_with_too_few_rounds_nothing_is_told(invented: Callable[..., Any], rounds: int) -> None:
    drawn = invented()
    found = compared(drawn.report(5), drawn.report(rounds, slower={"airflow": 9.0}))
    assert set(verdicts(found).values()) == {"cannot tell"}
    measured = next(row for row in found["figures"] if row["name"] == "empty.run.seconds")
    assert measured["reason"] == f"new: measured {rounds} time{'s' * (rounds > 1)}, 3 are needed"
    assert not differs(found)


def test_two_machines_are_compared_by_ratios_alone(invented: Callable[..., Any]) -> None:
    drawn = invented()
    slow = dict.fromkeys(("local", "airflow", "dagster"), 4.0)
    found = compared(drawn.report(), other_machine(drawn.report(slower=slow)))
    assert not found["same_machine"]
    assert {row["to"] for row in found["figures"]} == {"local", "airflow"}, "the first side that has the figure"
    assert {row["verdict"] for row in found["figures"] if row["chance"]} == {"alike"}
    assert min(row["chance"] for row in found["figures"] if row["chance"]) > 0.02
    row = next(row for row in found["figures"] if (row["name"], row["side"]) == ("empty.run.seconds", "airflow"))
    assert row["old"]["median"] == pytest.approx(3, rel=0.2)
    assert row["old"]["low"] < row["old"]["median"] < row["old"]["high"]
    slow["airflow"] = 8.0
    found = compared(drawn.report(), other_machine(drawn.report(slower=slow)))
    assert verdicts(found)["empty.run.seconds", "airflow"] == "higher"
    assert not differs(found), "which of the two sides did it is not known"


def test_a_disturbed_bout_does_not_count(invented: Callable[..., Any], rebuilt: Callable[..., Results]) -> None:
    drawn = invented()
    old, new = drawn.report(4), drawn.report(4)
    bouts = copy.deepcopy(new["bouts"])
    for bout in [bout for bout in bouts if bout["orchestrator"] == "airflow"][:1]:
        bout["others_percent"] = 90.0
        for run in bout["runs"]:
            run["seconds"] *= 50
    found = compared(old, rebuilt(new, bouts, 4))
    row = next(row for row in found["figures"] if (row["name"], row["side"]) == ("empty.run.seconds", "airflow"))
    assert (row["new"]["rounds"], row["verdict"]) == (3, "alike")
    assert row["new"]["high"] < 10
    assert [one["what"] for one in found["left_out"]] == ["1 of 4 benchmark runs of airflow in the new report"]
    for bout in bouts:
        bout["others_percent"] = 90.0
    assert set(verdicts(compared(old, rebuilt(new, bouts, 4))).values()) == {"cannot tell"}


def test_data_that_differ_come_first(invented: Callable[..., Any], tmp_path: Path) -> None:
    old = invented().report()
    outputs = copy.deepcopy(old["outputs"])
    outputs[0]["digests"]["airflow"] = f"sha256:{'f' * 64}"
    outputs[1]["digests"] = dict.fromkeys(outputs[1]["digests"])
    found = compared(old, {**old, "outputs": outputs})
    assert [(row["step"], len(set(row["new"].values()))) for row in found["digests"]["differing"]] == [
        ("raw", 2),
        ("model", 0),
    ]
    assert differs(found)
    page = write_against(found, tmp_path).read_text(encoding="utf-8")
    text = (tmp_path / "against.md").read_text(encoding="utf-8")
    assert page.index("✗ The data differ: 2 of 2 outputs") < page.index("Significant changes")
    assert "| raw | 2026-01-07 | `aaaaaaaaaaaa` | `aaaaaaaaaaaa`, `ffffffffffff` |" in text
    assert not any(word in page for word in ("http", "<script", "<link"))


def test_what_the_reports_were_made_of_is_told(invented: Callable[..., Any]) -> None:
    old = invented().report()
    new = copy.deepcopy(old)
    new["counterpoint"], new["machine"]["python"] = "9.0", "3.99.1"
    new["orchestrators"][1]["version"] = "3.4.0"
    new["packages"] = {"airflow": {"sqlalchemy": "2.1"}}
    for side in new["orchestrators"]:
        side["command"] = side["command"].replace('{"epochs": 1}', '{"epochs": 2}')
    found = {one["what"]: (one["old"], one["new"]) for one in compared(old, new)["changes"]}
    assert found["airflow"] == ("3.3.2, success", "3.4.0, success")
    assert found["settings"] == ('retrieval={"epochs": 1}', 'retrieval={"epochs": 2}')
    assert found["package sqlalchemy of airflow"] == (None, "2.1")
    assert found.keys() == {"airflow", "settings", "Counterpoint", "Python", "package sqlalchemy of airflow"}


def test_what_only_one_report_has_is_left_out_by_name(
    invented: Callable[..., Any], rebuilt: Callable[..., Results]
) -> None:
    old = invented().report()
    bouts = [copy.deepcopy(bout) for bout in old["bouts"] if bout["orchestrator"] != "dagster"]
    for bout in bouts:
        for run in bout["runs"]:
            run["steps"] = run["steps"][:5]
    new = rebuilt(old, bouts, 5)
    new["orchestrators"] = [side for side in old["orchestrators"] if side["name"] != "dagster"]
    found = compared(old, new)
    assert found["left_out"] == [
        {"what": "workload empty", "reason": "2 x 8 steps in the old report, 2 x 5 steps in the new one"},
        {"what": "dagster", "reason": "only in the old report"},
    ]
    assert not any(name.startswith("empty") or side == "dagster" for name, side in verdicts(found))


@pytest.mark.parametrize(
    ("key", "value"), [("pipeline", "other"), ("date", "2026-01-08"), ("source", "synthetic:rows=10")]
)
def test_reports_of_other_things_are_refused(invented: Callable[..., Any], key: str, value: str) -> None:
    report = invented().report()
    with pytest.raises(UsageError, match=f"old is of {key} .*, new of {value}"):
        against(report, {**report, key: value})


def test_the_command_tells_and_writes(
    invented: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = invented()
    old = str(kept(drawn.report(), tmp_path / "old"))
    new = str(kept(drawn.report(slower={"airflow": 1.5}), tmp_path / "new").parent)
    assert main(["compare", "--against", old, "--out", new, "--json"]) == 4
    told = capsys.readouterr()
    jsonschema.validate(json.loads(told.out), SCHEMA)
    assert "significant changes: 2 worse, 0 better" in told.err
    assert {path.name for path in Path(new).iterdir()} == {"against.html", "against.md", "results.json"}
    assert main(["compare", "--against", old, old]) == 0
    assert "significant changes: 0 worse, 0 better" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("{", "is no JSON"),
        ("[1]", "not a results.json of this release"),
        ('{"bouts": [{}]}', "not a results.json of this release"),
        ('{"machines": []}', "is of several machines"),
    ],
)
def test_a_file_that_is_no_report_is_refused(
    content: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert main(["compare", "--against", str(file), str(file)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert str(file) in said


@pytest.mark.parametrize("words", [["streamrec", "--against", "a"], [], ["--against", "a", "--merge", "b"]])
def test_a_pipeline_and_reports_exclude_each_other(words: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["compare", *words])


def test_at_most_two_reports_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--against", "a", "b", "c"]) == 2
    assert "name one or two reports: OLD, or OLD and NEW" in capsys.readouterr().err
