"""Cutting over and back: what is kept, in which order schedules are turned, and what becomes of what was killed."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from bakery import AIRFLOW, DAGSTER, PREFECT, Scene, Stand, bread, equal_days, scene_in

from counterpoint.errors import ServiceError, UsageError
from counterpoint.model import Configuration
from counterpoint.runtime import schedule_ownership
from counterpoint.runtime.schedule_ownership import Party, held_back
from counterpoint.runtime.settings import serve, served_configuration
from counterpoint.services.processes import Owner
from counterpoint.storage.layout import made_settings, served_settings
from counterpoint.storage.objects import Objects
from counterpoint_migrate.cutover.cutover import cut_over, roll_back
from counterpoint_migrate.cutover.proof import refuse_unproved


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return scene_in(tmp_path)


def test_the_loser_is_paused_before_the_winner_is_started_and_back(scene: Scene) -> None:
    equal_days(scene, 7)
    seen = scene.to_dagster(after=7)
    assert scene.log == ["airflow off", "dagster on"]
    assert (seen.owner, seen.pending) == (DAGSTER, None)
    assert seen.history[-1]["streak"] == {"count": 7, "first": "2026-01-01", "last": "2026-01-07", "broken_by": None}
    scene.log.clear()
    seen = roll_back(scene.move)
    assert scene.log == ["dagster off", "airflow on"]
    assert seen.owner == AIRFLOW
    assert [(one["action"], one["outcome"]) for one in seen.history] == [("cutover", "done"), ("rollback", "done")]
    # twice is as once
    assert roll_back(scene.move) == seen


def test_a_cutover_again_puts_the_schedules_as_they_should_be(scene: Scene) -> None:
    first = scene.to_dagster()
    scene.sides["airflow"].on = True
    assert scene.to_dagster() == first
    assert scene.ons == {"airflow": False, "dagster": True}


def test_only_the_last_cutover_is_rolled_back(scene: Scene) -> None:
    scene.sides["prefect"] = Stand("prefect", scene.log, on=False)
    scene.to_dagster()
    cut_over(scene.move, DAGSTER, PREFECT, 0)
    assert roll_back(scene.move).owner == DAGSTER
    assert scene.ons == {"airflow": False, "dagster": True, "prefect": False}
    assert roll_back(scene.move).owner == AIRFLOW


def test_other_settings_than_were_compared_are_refused_by_name(scene: Scene) -> None:
    """The proof was of rye bread: services that would bake another one do not take over."""
    equal_days(scene, 7)
    serve(scene.move.objects, "bread", "dagster", {"flour": "wheat"})
    with pytest.raises(UsageError, match=r"dagster would run with --set 'flour=\"wheat\"', .* another flour"):
        scene.to_dagster(after=7)
    assert scene.ons == {"airflow": True, "dagster": False}
    equal_days(scene, 7, pipeline=bread.configured({"flour": "wheat"}))
    assert scene.to_dagster(after=7).owner == DAGSTER


def test_sides_that_would_run_by_other_configurations_are_told_apart(scene: Scene) -> None:
    objects, rye = scene.move.objects, {"flour": "rye"}
    serve(objects, "bread", "airflow", Configuration("prod", objects.root, "https://a", rye, {"key": "env:A"}))
    others = (
        ({"flour": "wheat"}, "https://a", {"key": "env:A"}, "flour is rye in airflow and wheat on dagster"),
        (rye, "https://b", {"key": "env:A"}, "tracking is https://a in airflow and https://b on dagster"),
        (rye, "https://a", {"key": "env:B"}, "secret key is env:A in airflow and env:B on dagster"),
    )
    for settings, tracking, references, told in others:
        serve(objects, "bread", "dagster", Configuration("prod", objects.root, tracking, settings, references))
        with pytest.raises(UsageError, match=f"bread: {told}: start the services of dagster .* --env prod"):
            scene.to_dagster()
        assert scene.ons == {"airflow": True, "dagster": False}
    objects.delete(served_settings("bread", "dagster"))
    assert scene.to_dagster().owner == DAGSTER
    assert served_configuration(objects, "bread", "dagster") == served_configuration(objects, "bread", "airflow")


def test_the_environment_of_the_command_counts_before_the_other_side(scene: Scene) -> None:
    objects = scene.move.objects
    serve(objects, "bread", "airflow", {"flour": "wheat"})
    serve(objects, "bread", "dagster", {"flour": "wheat"})
    named = replace(scene.move, configuration=Configuration("prod", objects.root, settings={"flour": "rye"}))
    with pytest.raises(UsageError, match="flour is rye in the environment and wheat on dagster"):
        cut_over(named, AIRFLOW, DAGSTER, 0)
    assert scene.to_dagster().owner == DAGSTER


def test_after_it_services_run_with_what_was_compared_or_made_production(scene: Scene) -> None:
    objects = scene.move.objects
    wheat, rye = {"flour": "wheat"}, dict(bread.config)
    # nobody has cut it over, or it was without proof
    refuse_unproved(objects, bread, "dagster", wheat)
    scene.to_dagster()
    refuse_unproved(objects, bread, "dagster", wheat)
    roll_back(scene.move)
    equal_days(scene, 7)
    scene.to_dagster(after=7)
    with pytest.raises(UsageError, match=r"dagster would run with --set 'flour=\"wheat\"', .* run bread --date DATE"):
        refuse_unproved(objects, bread, "dagster", wheat)
    refuse_unproved(objects, bread, "dagster", rye)
    # what was given back runs there as before
    refuse_unproved(objects, bread, "airflow", wheat)
    objects.put_json(made_settings("bread"), {"config": wheat})
    refuse_unproved(objects, bread, "dagster", wheat)


@pytest.mark.parametrize(
    ("days", "code", "told"),
    [(6, None, "identical for 6 days"), (0, None, "nothing is compared yet"), (9, "sha256:old", "its code is another")],
)
def test_without_proof_nothing_is_cut_over(scene: Scene, days: int, code: str | None, told: str) -> None:
    equal_days(scene, days, code)
    with pytest.raises(UsageError, match=told):
        scene.to_dagster(after=7)
    assert (scene.log, scene.move.read().found) == ([], None)
    assert scene.to_dagster(after=0).owner == DAGSTER


def test_a_run_of_the_losing_side_stands_in_the_way(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterpoint_migrate.cutover.cutover._POLL_SECONDS", 0.01)
    scene.sides["airflow"].runs = [("scheduled-1",)]
    with pytest.raises(UsageError, match=r"airflow: run scheduled-1 of bread is going on: .* --wait"):
        scene.to_dagster()
    assert scene.log == []
    scene.sides["airflow"].runs = [("scheduled-1",), ()]
    waiting = replace(scene.move, wait=True)
    assert cut_over(waiting, AIRFLOW, DAGSTER, 0).owner == DAGSTER


def test_a_run_that_begins_before_the_pause_undoes_it(scene: Scene) -> None:
    scene.sides["airflow"].runs = [(), ("scheduled-2",)]
    with pytest.raises(UsageError, match="scheduled-2"):
        scene.to_dagster()
    assert scene.ons == {"airflow": True, "dagster": False}
    assert scene.move.read().history[-1]["outcome"] == "undone"


def test_a_call_that_fails_undoes_what_was_done(scene: Scene) -> None:
    scene.sides["dagster"].broken = "dagster on"
    with pytest.raises(ServiceError, match="it refuses"):
        scene.to_dagster()
    assert scene.ons == {"airflow": True, "dagster": False}
    # that of the winner is made sure of before the loser's goes on
    assert scene.log == ["airflow off", "dagster off", "airflow on"]
    seen = scene.move.read()
    assert (seen.owner, seen.pending, seen.history[-1]["outcome"]) == (None, None, "undone")


def test_what_cannot_be_undone_stays_to_be_finished(scene: Scene) -> None:
    scene.sides["dagster"].broken, scene.sides["airflow"].broken = "dagster on", "airflow on"
    with pytest.raises(ServiceError, match="airflow on"):
        scene.to_dagster()
    seen = scene.move.read()
    assert seen.pending is not None
    assert not seen.owns("airflow")
    assert not seen.owns("dagster")


@pytest.mark.parametrize("turned", [(), ("airflow off",), ("airflow off", "dagster on")])
def test_a_killed_cutover_is_finished_by_the_same_command(scene: Scene, turned: tuple[str, ...]) -> None:
    scene.die("cutover", *turned)
    assert scene.to_dagster(after=7).owner == DAGSTER
    assert scene.ons == {"airflow": False, "dagster": True}


@pytest.mark.parametrize("turned", [(), ("airflow off",), ("airflow off", "dagster on")])
def test_a_killed_cutover_is_undone_by_the_other_command(scene: Scene, turned: tuple[str, ...]) -> None:
    scene.die("cutover", *turned)
    seen = roll_back(scene.move)
    assert (seen.owner, seen.pending) == (None, None)
    assert scene.ons == {"airflow": True, "dagster": False}


def test_a_killed_rollback_is_finished_by_the_same_command(scene: Scene) -> None:
    scene.to_dagster()
    scene.die("rollback", "dagster off")
    assert roll_back(scene.move).owner == AIRFLOW
    assert scene.ons == {"airflow": True, "dagster": False}


def test_a_killed_rollback_is_undone_by_the_other_command(scene: Scene) -> None:
    scene.to_dagster()
    scene.die("rollback", "dagster off")
    assert scene.to_dagster(after=7).owner == DAGSTER
    assert scene.ons == {"airflow": False, "dagster": True}


def test_two_at_once_are_one(scene: Scene) -> None:
    seen = scene.move.read()
    scene.die("cutover")
    pending = {**(scene.move.read().pending or {}), "by": asdict(Owner.here())}
    scene.move.keep(replace(scene.move.read(), pending=pending))
    with pytest.raises(UsageError, match="changes who owns bread now"):
        roll_back(scene.move)
    with pytest.raises(UsageError, match="somebody else changes"):
        scene.move.keep(replace(seen, owner=PREFECT))
    # on a machine that is gone it may have been killed: no change takes so long
    elsewhere = {**pending, "by": {**pending["by"], "host": "gone"}, "at": "2026-01-01T00:00:00+00:00"}
    scene.move.keep(replace(scene.move.read(), pending=elsewhere))
    assert roll_back(scene.move).pending is None


def test_a_side_that_does_not_run_is_told_by_what_is_kept(scene: Scene) -> None:
    scene.sides["dagster"].is_running = False
    assert scene.to_dagster().owner == DAGSTER
    assert scene.log == ["airflow off"]
    assert scene.move.read().owns("dagster")


def test_services_hold_back_what_they_do_not_own(tmp_path: Path) -> None:
    names = ("counterpoint.testing.scenarios:linear", "counterpoint.testing.scenarios:diamond")
    schedule_ownership.keep(
        Objects(str(tmp_path)), "linear", schedule_ownership.Owners(DAGSTER, schedule_ownership.now())
    )
    assert held_back(str(tmp_path), names, "dagster") == ()
    assert held_back(str(tmp_path), names, "airflow") == names[:1]
    legacy = Party("airflow", {"url": "http://x", "dag_id": "old"})
    schedule_ownership.keep(
        Objects(str(tmp_path)), "diamond", schedule_ownership.Owners(legacy, schedule_ownership.now())
    )
    assert held_back(str(tmp_path), names, "airflow") == names


def test_what_cannot_be_cut_over_is_named(scene: Scene) -> None:
    with pytest.raises(UsageError, match="has no schedule, so there is nothing"):
        cut_over(replace(scene.move, pipeline=replace(bread, schedule=None)), AIRFLOW, DAGSTER, 0)
    scene.sides["dagster"].on = None
    with pytest.raises(UsageError, match="dagster has no schedule of it"):
        scene.to_dagster()
    scene.sides["dagster"].on = False
    scene.to_dagster()
    with pytest.raises(UsageError, match="dagster owns bread, not airflow"):
        cut_over(scene.move, AIRFLOW, PREFECT, 0)
    legacy = Party("airflow", {"url": "http://x", "dag_id": "old"})
    with pytest.raises(UsageError, match="dagster owns bread, not airflow \\(DAG old\\)"):
        cut_over(scene.move, legacy, PREFECT, 0)
