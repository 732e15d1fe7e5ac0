"""The plan of a team of 15 DAGs, with hidden edges and a cycle planted in them, and of StreamRec by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from time import process_time

import jsonschema
import pytest

from counterpoint.cli.main import main
from counterpoint_migrate.inventory import inventory
from counterpoint_migrate.plan import Plan, Settings, plan, read_settings

ROOT = Path(__file__).parents[3]
TEAM = Path(__file__).resolve().parents[3] / "examples" / "airflow_team"
SCHEMA = json.loads((ROOT / "docs/schemas/plan.schema.json").read_text(encoding="utf-8"))
Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def found() -> Plan:
    return plan(inventory(TEAM))


def test_the_team_has_15_dags_and_180_tasks(found: Plan) -> None:
    assert (len(found.dags), sum(move.tasks for move in found.dags)) == (15, 180)


def test_all_planted_edges_are_found() -> None:
    ends = {(one.upstream, one.downstream): (one.kind, one.confidence) for one in inventory(TEAM).dependencies}
    assert ends == {
        # by a sensor made in a loop
        ("orders_ingest", "warehouse_load"): ("sensor", "certain"),
        ("customers_ingest", "warehouse_load"): ("sensor", "certain"),
        # by functools.partial
        ("warehouse_load", "dimensions"): ("sensor", "certain"),
        ("warehouse_load", "facts_daily"): ("sensor", "certain"),
        ("dimensions", "facts_daily"): ("sensor", "certain"),
        # by an asset
        ("facts_daily", "data_quality"): ("asset", "certain"),
        # by a shared path
        ("customer_features", "recommendations_train"): ("path", "medium"),
        # by a waterfall of clocks
        ("marketing_segments", "marketing_emails"): ("clock", "low"),
        ("marketing_emails", "marketing_report"): ("clock", "low"),
        # the circle
        ("pricing", "stock_forecast"): ("sensor", "certain"),
        ("stock_forecast", "pricing"): ("sensor", "certain"),
        # of other teams
        ("erp_export", "finance_close"): ("sensor", "certain"),
        ("finance_close", "board_report"): ("trigger", "certain"),
    }


def test_guesses_are_to_be_confirmed(found: Plan) -> None:
    assert [(one.upstream, one.downstream) for one in found.to_confirm] == [
        ("customer_features", "recommendations_train"),
        ("marketing_emails", "marketing_report"),
        ("marketing_segments", "marketing_emails"),
    ]


def test_the_cycle_is_named_and_moves_at_once(found: Plan) -> None:
    (cycle,) = found.cycles
    assert (cycle.name, cycle.certain, cycle.binding) == ("pricing -> stock_forecast -> pricing", True, True)
    assert [one.place for one in cycle.dependencies] == ["stock_forecast.py:18", "pricing.py:26"]
    assert found.move("pricing").wave == found.move("stock_forecast").wave


def test_the_waves_are_as_expected(found: Plan) -> None:
    assert [set(wave.dags) for wave in found.waves] == [
        {"clickstream_ingest", "marketing_segments", "marketing_emails", "marketing_report"},
        {"customer_features", "recommendations_train", "pricing", "stock_forecast"},
        {"data_quality"},  # a leaf of a group that is larger than a wave
        {"customers_ingest", "orders_ingest", "warehouse_load", "dimensions", "facts_daily"},
        {"finance_close"},
    ]
    order = found.waves[3].dags
    assert order.index("warehouse_load") < order.index("dimensions") < order.index("facts_daily")
    assert order.index("warehouse_load") > max(order.index("orders_ingest"), order.index("customers_ingest"))


def test_the_bridges_stand_while_an_edge_crosses(found: Plan) -> None:
    told = [
        (one.dependency.upstream, one.dependency.downstream, one.direction, one.begins, one.ends)
        for one in found.bridges
    ]
    assert told == [
        ("facts_daily", "data_quality", "airflow_to_dagster", 3, 4),
        ("erp_export", "finance_close", "airflow_to_dagster", 5, None),
        ("finance_close", "board_report", "dagster_to_airflow", 5, None),
    ]
    assert "GET /api/v2/assets/events" in found.bridges[0].means
    assert "POST /api/v2/dags/board_report/dagRuns" in found.bridges[2].means
    assert [(wave.builds, wave.removes, wave.stand) for wave in found.waves[2:]] == [
        ((1,), (), (1,)),
        ((), (1,), ()),
        ((2, 3), (), (2, 3)),
    ]


def test_what_is_not_known_is_carried_into_the_risk(found: Plan) -> None:
    finance = found.move("finance_close")
    assert [entry.kind for entry in finance.unresolved] == ["external_id", "outside", "outside"]
    facts = " ".join(finance.score.risk.facts)
    assert "the external_dag_id of task wait_for_ledger is Variable.get('ledger_dag') (finance_close.py:35)" in facts
    assert finance.score.risk.value == max(move.score.risk.value for move in found.dags)
    assert found.waves[-1].dags == ("finance_close",)


def test_needs_have_their_places(found: Plan) -> None:
    needs = {need.name: need for need in found.move("orders_ingest").needs}
    assert [(one.place, one.detail) for one in needs["interval"].places] == [
        ("orders_ingest.py:41", "execution_date"),
        ("orders_ingest.py:42", "ds_nodash"),
        ("orders_ingest.py:48", "ds"),
        ("orders_ingest.py:55", "execution_date"),
    ]
    assert [(one.place, one.detail) for one in needs["priority"].places] == [
        ("orders_ingest.py:48", "priority_weight=5"),
    ]
    modes = {one.detail for move in found.dags for need in move.needs if need.name == "sensors" for one in need.places}
    assert modes == {
        "ExternalTaskSensor, deferrable",
        "ExternalTaskSensor, poke",
        "ExternalTaskSensor, reschedule",
        "HttpSensor, poke",
        "S3KeySensor, deferrable",
    }


def test_the_operator_without_a_counterpart_is_listed(found: Plan) -> None:
    told = [(move.id, one.operator, one.module) for move in found.dags for one in move.strangers]
    assert told == [("pricing", "ExportToPartnerOperator", "shared.py")]


def test_the_document(capsys: Printed) -> None:
    assert main(["migrate", "plan", str(TEAM), "--json"]) == 0
    first = capsys.readouterr().out
    jsonschema.validate(json.loads(first), SCHEMA)
    assert main(["migrate", "--json", "plan", str(TEAM)]) == 0
    assert capsys.readouterr().out == first


def test_streamrec_by_hand(capsys: Printed) -> None:
    assert main(["migrate", "plan", str(ROOT / "benchmarks/handwritten"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    moves = {move["id"]: move for move in document["dags"]}
    assert sorted(moves) == ["streamrec_by_hand", "streamrec_classic"]
    assert (document["cycles"], document["bridges"], document["unresolved"]) == ([], [], [])
    needs = {need["name"]: need["places"] for need in moves["streamrec_classic"]["needs"]}
    rules = {place["detail"] for place in needs["trigger_rules"]}
    assert rules == {"trigger_rule=all_done", "trigger_rule=one_failed"}
    assert {place["detail"] for place in needs["pools"]} == {
        "pool=gpu_pool",
        "pool=feature_store_pool",
        "pool=model_registry_pool",
    }
    assert "timetable" not in needs  # a CronDataIntervalTimetable is a cron
    assert all(one["operators_without_counterpart"] == [] for one in document["dags"])


def test_the_terminal(capsys: Printed) -> None:
    assert main(["migrate", "plan", str(TEAM)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "Wave 3: 1 DAG, 10 tasks; owners: analytics\n  move     data_quality\n  build    bridge 1\n" in out
    assert "Airflow -> Dagster, after wave 3 until wave 4" in out
    assert "15 DAGs with 180 tasks in 5 waves; cycles: 1; bridges: 3, 2 of them to DAGs outside the folder" in out


def test_the_page_stands_alone(tmp_path: Path) -> None:
    assert main(["migrate", "plan", str(TEAM), "--html", str(tmp_path / "plan.html")]) == 0
    page = (tmp_path / "plan.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=|@import|url\(", page)
    assert "pricing -&gt; stock_forecast -&gt; pricing" in page
    assert [path.name for path in tmp_path.iterdir()] == ["plan.html"]


def test_the_settings_of_the_team() -> None:
    settings = read_settings(TEAM / "plan.toml")
    found = plan(inventory(TEAM), settings)
    assert all(len(wave.dags) <= 4 and wave.tasks <= 60 for wave in found.waves)
    assert found.move("recommendations_train").score.value.value == 0.9
    assert found.move("finance_close").owners == ("controlling",)
    assert "controlling" in found.waves[found.move("finance_close").wave - 1].owners


def test_a_pool_on_both_sides_is_told() -> None:
    found = plan(inventory(ROOT / "benchmarks/handwritten"), Settings(max_dags=1))
    assert "pool gpu_pool: used on both sides until wave 2; divide its slots between them" in found.waves[0].notes
    assert found.waves[1].notes == ()


def test_no_folder(tmp_path: Path, capsys: Printed) -> None:
    assert main(["migrate", "plan", str(tmp_path / "none")]) == 2
    assert "is no folder: give one that holds Airflow DAG files" in capsys.readouterr().err


def test_an_empty_folder(tmp_path: Path, capsys: Printed) -> None:
    assert main(["migrate", "plan", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert (document["waves"], document["dags"]) == ([], [])


def test_200_files_take_less_than_5_seconds_of_a_processor(tmp_path: Path) -> None:
    text = (TEAM / "dimensions.py").read_text(encoding="utf-8")
    (tmp_path / "shared.py").write_text((TEAM / "shared.py").read_text(encoding="utf-8"))
    for number in range(200):
        changed = text.replace('"dimensions"', f'"load_{number}"').replace("warehouse_load", f"load_{number - 1}")
        (tmp_path / f"dag_{number}.py").write_text(changed)
    begun = process_time()
    found = plan(inventory(tmp_path))
    assert process_time() - begun < 5
    assert len(found.dags) == 200
    assert len(found.waves) >= 40
