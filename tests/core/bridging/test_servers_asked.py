"""Asking other orchestrators: who may enter and how, what of their answers is kept, what is told when they fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.bridging import Events, Runs, events_since, materialization_of, run_of, runs_since, server_of, unseen
from counterpoint.errors import ServiceError, UnansweredError, UsageError

if TYPE_CHECKING:
    from conftest import Harbour

AIRFLOW, DAGSTER = "COUNTERPOINT_AIRFLOW_URL", "COUNTERPOINT_DAGSTER_URL"
THIRD = datetime(2026, 1, 3, tzinfo=UTC)
RUNS = "/api/v2/dags/harbour/dagRuns"
SECRET = "pl4nted-s3cret"  # noqa: S105 - planted, to be looked for


def runs(*found: dict[str, Any]) -> dict[str, Any]:
    return {"dag_runs": list(found), "total_entries": len(found)}


def test_an_address_that_is_missing_or_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(AIRFLOW, raising=False)
    with pytest.raises(UsageError, match=f"{AIRFLOW} is not set"):
        server_of(AIRFLOW)
    for wrong in ("airflow:8080", "ftp://airflow", f"https://ann:{SECRET}@airflow"):
        monkeypatch.setenv(AIRFLOW, wrong)
        with pytest.raises(UsageError, match="COUNTERPOINT_AIRFLOW_PASSWORD") as caught:
            server_of(AIRFLOW)
        assert SECRET not in str(caught.value)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERPOINT_AIRFLOW_TOKEN", SECRET)
    monkeypatch.setenv("COUNTERPOINT_AIRFLOW_PASSWORD", SECRET)
    assert SECRET not in repr(server_of(AIRFLOW, "https://airflow"))


def test_everybody_is_let_in_with_one_token(harbour: Harbour, answers: dict[str, Any]) -> None:
    harbour.answer(RUNS, answers["run"])
    for _ in range(2):
        assert run_of(server_of(AIRFLOW), "harbour", THIRD)
    assert [one.path for one in harbour.asked] == ["/auth/token", RUNS, RUNS]
    assert harbour.asked[-1].headers["authorization"] == f"Bearer {answers['token']['access_token']}"


def test_a_user_gets_a_token(harbour: Harbour, answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERPOINT_AIRFLOW_USER", "ann")
    monkeypatch.setenv("COUNTERPOINT_AIRFLOW_PASSWORD", SECRET)
    harbour.answer(RUNS, answers["run"])
    assert run_of(server_of(AIRFLOW), "harbour", THIRD)
    assert harbour.asked[0].body == {"username": "ann", "password": SECRET}


def test_a_given_token_is_used(harbour: Harbour, answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERPOINT_AIRFLOW_TOKEN", SECRET)
    harbour.answer(RUNS, answers["unauthorized"], 403)
    with pytest.raises(ServiceError, match="refused: 403") as caught:
        run_of(server_of(AIRFLOW), "harbour", THIRD)
    assert SECRET not in str(caught.value)
    assert [(one.path, one.headers["authorization"]) for one in harbour.asked] == [(RUNS, f"Bearer {SECRET}")]


@pytest.mark.parametrize("status", [401, 403])  # it has expired; another secret signed it
def test_a_token_that_is_void_is_asked_for_again(harbour: Harbour, answers: dict[str, Any], status: int) -> None:
    harbour.answer(RUNS, answers["unauthorized"], status)
    harbour.then(RUNS, answers["run"])
    assert run_of(server_of(AIRFLOW), "harbour", THIRD)
    assert [one.path for one in harbour.asked] == ["/auth/token", RUNS] * 2


def test_who_is_not_let_in_is_told_the_variables(harbour: Harbour, answers: dict[str, Any]) -> None:
    harbour.answer("/auth/token", answers["refused_login"], 401)
    with pytest.raises(ServiceError, match="set COUNTERPOINT_AIRFLOW_TOKEN, or COUNTERPOINT_AIRFLOW_USER and"):
        run_of(server_of(AIRFLOW), "harbour", THIRD)


def test_a_redirect_gets_no_token(harbour: Harbour, answers: dict[str, Any]) -> None:
    harbour.answer(RUNS, f"{harbour.url}/elsewhere", 307)
    harbour.answer("/elsewhere", answers["run"])
    assert run_of(server_of(AIRFLOW), "harbour", THIRD)
    assert "authorization" in harbour.asked_at(RUNS)[0].headers
    assert "authorization" not in harbour.asked_at("/elsewhere")[0].headers


def test_a_run_of_a_logical_date(harbour: Harbour, answers: dict[str, Any]) -> None:
    harbour.answer(RUNS, answers["run"])
    found = run_of(server_of(AIRFLOW), "harbour", THIRD)
    assert found is not None
    assert (found.orchestrator, found.name, found.partition) == ("airflow", "harbour", THIRD.isoformat())
    assert (found.run_id, found.state, found.is_made) == ("harbour-2026-01-03", "success", True)
    assert found.url == f"{harbour.url}/dags/harbour/runs/harbour-2026-01-03"
    assert str(found.at).endswith("+00:00")
    (asked,) = harbour.asked_at(RUNS)
    assert asked.query["logical_date_gte"] == asked.query["logical_date_lte"] == "2026-01-03T00:00:00+00:00"
    harbour.answer(RUNS, runs())
    assert run_of(server_of(AIRFLOW), "harbour", THIRD) is None


def test_a_run_that_failed_is_not_made(harbour: Harbour, answers: dict[str, Any]) -> None:
    harbour.answer("/api/v2/dags/hungry/dagRuns", answers["failed_run"])
    found = run_of(server_of(AIRFLOW), "hungry", THIRD)
    assert found is not None
    assert (found.state, found.is_made) == ("failed", False)
    said = Runs("hungry").state(server_of(AIRFLOW), THIRD, THIRD + timedelta(days=1))
    assert said == f"{harbour.url}/dags/hungry/runs/{found.run_id} is failed"


def test_a_dag_that_is_none_is_named(harbour: Harbour, answers: dict[str, Any]) -> None:
    harbour.answer("/api/v2/dags/nothing/dagRuns", answers["no_dag"], 404)
    with pytest.raises(ServiceError, match="dags/nothing/dagRuns refused: 404 .*`nothing` was not found"):
        run_of(server_of(AIRFLOW), "nothing", THIRD)


def test_runs_are_told_once_in_pages(harbour: Harbour, answers: dict[str, Any]) -> None:
    (run,) = answers["run"]["dag_runs"]
    ends = [f"2026-01-08T01:0{minute}:00Z" for minute in range(4)]
    all_runs = [{**run, "dag_run_id": f"r{n}", "end_date": end} for n, end in enumerate(ends)]

    def look(cursor: str | None) -> tuple[list[str], str]:
        since = harbour.asked_at(RUNS)[-1].query["end_date_gte"] if cursor and harbour.asked_at(RUNS) else ""
        assert since <= "2026-01-08T01:04"
        found, after = unseen(Runs("harbour"), server_of(AIRFLOW), cursor, THIRD, 2)
        return [one.run_id for one in found], after

    harbour.answer(RUNS, runs(*all_runs[:2]))
    first, cursor = look(None)
    assert harbour.asked_at(RUNS)[-1].query["limit"] == "2"
    harbour.answer(RUNS, runs(*all_runs))
    second, cursor = look(cursor)
    asked = harbour.asked_at(RUNS)[-1].query
    assert (asked["end_date_gte"], asked["limit"], asked["state"]) == ("2026-01-08T01:00:00+00:00", "4", "success")
    harbour.answer(RUNS, runs(*all_runs[2:]))
    third, cursor = look(cursor)
    assert (first, second, third) == (["r0", "r1"], ["r2", "r3"], [])
    again = {**all_runs[3], "end_date": "2026-01-08T02:00:00Z"}  # it was cleared, and has ended again
    early = {**run, "dag_run_id": "early", "end_date": "2026-01-08T01:02:30Z"}  # another scheduler was slow to tell
    harbour.answer(RUNS, runs(early, all_runs[3], again))
    assert look(cursor)[0] == ["early", "r3"]


def test_the_first_look_goes_back_to_a_moment(harbour: Harbour, answers: dict[str, Any]) -> None:
    harbour.answer(RUNS, runs())
    found, _ = unseen(Runs("harbour"), server_of(AIRFLOW), None, THIRD, 5)
    assert found == []
    assert harbour.asked_at(RUNS)[0].query["end_date_gte"] == "2026-01-02T23:59:00+00:00"
    assert runs_since(server_of(AIRFLOW), "harbour", THIRD, 5) == []


@pytest.mark.parametrize(
    ("extra", "key", "partition"),
    [
        ({"boxes": 3}, None, "2026-01-03T00:00:00+00:00"),
        ({}, "2026-01-05", "2026-01-05"),
        ({"partition": "2026-01-06"}, "2026-01-05", "2026-01-06"),
    ],
)
def test_an_event_of_an_asset(
    harbour: Harbour, answers: dict[str, Any], extra: dict[str, Any], key: str | None, partition: str
) -> None:
    harbour.answer("/api/v2/assets", answers["assets"])
    (event,) = answers["events"]["asset_events"]
    harbour.answer("/api/v2/assets/events", {"asset_events": [{**event, "extra": extra, "partition_key": key}]})
    harbour.answer(f"{RUNS}/harbour-2026-01-03", answers["run"]["dag_runs"][0])
    (found,) = events_since(server_of(AIRFLOW), "catch", THIRD, 5)
    assert (found.partition, found.run_id, found.metadata["extra"]) == (partition, "harbour-2026-01-03", extra)
    asked = harbour.asked_at("/api/v2/assets/events")[0].query
    (known,) = answers["assets"]["assets"]
    assert (asked["asset_id"], asked["timestamp_gte"]) == (str(known["id"]), THIRD.isoformat())


def test_an_event_that_no_run_made_has_the_partition_of_its_extra(harbour: Harbour, answers: dict[str, Any]) -> None:
    harbour.answer("/api/v2/assets", answers["assets"])
    (event,) = answers["events"]["asset_events"]
    alone = {**event, "source_run_id": None, "source_dag_id": None, "extra": {}, "partition_key": None}
    harbour.answer("/api/v2/assets/events", {"asset_events": [alone]})
    (found,) = events_since(server_of(AIRFLOW), "catch", THIRD, 5)
    assert (found.partition, found.url) == ("", f"{harbour.url}/assets/{event['asset_id']}")


def test_an_asset_that_is_none_is_named(harbour: Harbour, answers: dict[str, Any]) -> None:
    harbour.answer("/api/v2/assets", answers["assets"])  # a pattern finds "catch" for "cat", too
    with pytest.raises(ServiceError, match="has no asset 'cat'"):
        events_since(server_of(AIRFLOW), "cat", THIRD, 5)
    said = Events("cat").state(server_of(AIRFLOW), THIRD, THIRD)
    assert said.startswith(f"{harbour.url} has no asset 'cat'")


def test_a_materialization(harbour: Harbour, answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERPOINT_DAGSTER_TOKEN", SECRET)
    harbour.answer("/graphql", answers["materialized"])
    found = materialization_of(server_of(DAGSTER), "fish/sold", "2026-01-04", THIRD)
    assert found is not None
    assert (found.orchestrator, found.name, found.partition) == ("dagster", "fish/sold", "2026-01-04")
    assert {name: found.metadata[name] for name in ("table_version", "digest", "shape")} == {
        "table_version": 7,
        "digest": "sha256:fish",
        "shape": {"rows": 2},
    }
    assert found.url == f"{harbour.url}/runs/{found.run_id}"
    (asked,) = harbour.asked
    assert asked.headers["dagster-cloud-api-token"] == SECRET
    assert asked.body["variables"] == {
        "key": {"path": ["fish", "sold"]},
        "partitions": ["2026-01-04"],
        "after": "1767398400000",
    }


def test_what_a_sensor_reported_belongs_to_no_run(harbour: Harbour, answers: dict[str, Any]) -> None:
    answers["materialized"]["data"]["assetOrError"]["assetMaterializations"][0]["runId"] = ""
    harbour.answer("/graphql", answers["materialized"])
    found = materialization_of(server_of(DAGSTER), "fish/sold", "2026-01-04")
    assert found is not None
    assert found.url == f"{harbour.url}/assets/fish/sold"


@pytest.mark.parametrize("answer", ["not_materialized", "no_asset"])
def test_what_is_not_materialized(harbour: Harbour, answers: dict[str, Any], answer: str) -> None:
    harbour.answer("/graphql", answers[answer])
    assert materialization_of(server_of(DAGSTER), "fish/never", "2026-01-04") is None


def test_a_query_that_is_refused_is_told(harbour: Harbour, answers: dict[str, Any]) -> None:
    harbour.answer("/graphql", *answers["refused_query"])
    with pytest.raises(ServiceError, match="refused"):
        materialization_of(server_of(DAGSTER), "fish/sold", None)


def test_a_server_that_failed_may_answer_later(harbour: Harbour) -> None:
    harbour.answer("/graphql", {"oh": f"token={SECRET}"}, 503)
    with pytest.raises(UnansweredError, match="503") as caught:
        materialization_of(server_of(DAGSTER), "fish/sold", None)
    assert SECRET not in str(caught.value)
