"""Single steps change hands: who owns which, in which order schedules are turned, and what is refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from bakery import AIRFLOW, DAGSTER, PREFECT, Scene, Stand, bread, equal_days, scene_in

from counterpoint.errors import CounterpointError, ServiceError, UsageError
from counterpoint.runtime import schedule_ownership
from counterpoint.runtime.schedule_ownership import Party, held_back
from counterpoint.storage.objects import Objects
from counterpoint_migrate.cutover import step_ownership
from counterpoint_migrate.cutover.cutover import cut_over, roll_back

LEGACY = Party("airflow", {"url": "http://x", "dag_id": "old"})


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Airflow was given the pipeline."""
    found = scene_in(tmp_path)
    cut_over(found.move, DAGSTER, AIRFLOW, 0)
    found.log.clear()
    return found


def sides(scene: Scene) -> dict[str, str]:
    division = scene.move.read().division
    assert division
    return {name: division.side_of(name).name for name in bread.step_names}


def of(knead: str, bake: str, sell: str) -> dict[str, str]:
    short = {"a": "airflow", "d": "dagster"}
    return {"knead": short[knead], "bake": short[bake], "sell": short[sell]}


def test_a_step_is_given_away_and_comes_back(scene: Scene) -> None:
    equal_days(scene, 7)
    seen = scene.to_dagster("bake", after=7)
    assert (seen.owner, seen.steps, seen.pending) == (AIRFLOW, {"bake": "dagster"}, None)
    # both run; the one that goes on is never paused
    assert scene.log == ["dagster on", "airflow on"]
    assert (seen.owns("airflow"), seen.owns("dagster"), seen.owns("prefect")) == (True, True, False)
    assert seen.history[-1]["steps"] == ["bake"]
    assert scene.to_dagster("bake", after=7) == seen
    scene.log.clear()
    seen = roll_back(scene.move, ("bake",))
    assert (seen.owner, seen.steps) == (AIRFLOW, {})
    assert scene.log == ["dagster off", "airflow on"]
    assert roll_back(scene.move, ("bake",)) == seen


def test_when_all_steps_are_given_away_the_pipeline_is(scene: Scene) -> None:
    scene.to_dagster("knead", "sell")
    assert sides(scene) == of("d", "a", "d")
    scene.log.clear()
    seen = scene.to_dagster("bake")
    assert (seen.owner, seen.steps, seen.history[-1]["steps"]) == (DAGSTER, {}, [])
    assert scene.log == ["airflow off", "dagster on"]
    assert scene.to_dagster("bake", "knead") == seen
    assert roll_back(scene.move, ("knead",)).steps == {"bake": "dagster", "sell": "dagster"}
    assert scene.ons == {"airflow": True, "dagster": True}
    assert sides(scene) == of("a", "d", "d")


@pytest.mark.parametrize("target", ["airflow", "dagster"])
def test_a_whole_cutover_ends_the_division_and_rollback_restores_it(scene: Scene, target: str) -> None:
    scene.to_dagster("bake")
    source = DAGSTER if target == "airflow" else AIRFLOW
    seen = cut_over(scene.move, source, Party(target), 0)
    assert (seen.owner, seen.steps) == (Party(target), {})
    assert scene.ons == {"airflow": target == "airflow", "dagster": target == "dagster"}
    seen = roll_back(scene.move)
    assert (seen.owner, seen.steps) == (AIRFLOW, {"bake": "dagster"})
    assert scene.ons == {"airflow": True, "dagster": True}
    # and once more: the steps' own cut-over
    assert roll_back(scene.move).steps == {}


def test_each_step_remembers_its_own_way(scene: Scene) -> None:
    scene.to_dagster("knead", "bake")
    roll_back(scene.move, ("knead",))
    assert sides(scene) == of("a", "d", "a")
    roll_back(scene.move)
    assert sides(scene) == of("a", "a", "a")
    scene.to_dagster("knead")
    cut_over(scene.move, DAGSTER, AIRFLOW, 0, ("knead",))
    scene.to_dagster("bake")
    with pytest.raises(UsageError, match="knead, bake do not go back between the same sides"):
        roll_back(scene.move, ("knead", "bake"))
    roll_back(scene.move, ("knead",))
    assert sides(scene) == of("d", "d", "a")


def test_a_run_of_the_losing_side_stands_in_the_way(scene: Scene) -> None:
    scene.sides["airflow"].runs = [("scheduled-1",)]
    with pytest.raises(UsageError, match="scheduled-1"):
        scene.to_dagster("bake")
    # also one that begins before the intent is kept: those that begin later wait
    scene.sides["airflow"].runs = [(), ("scheduled-2",)]
    with pytest.raises(UsageError, match="scheduled-2"):
        scene.to_dagster("bake")
    assert (sides(scene), scene.ons) == (of("a", "a", "a"), {"airflow": True, "dagster": False})
    scene.to_dagster("bake")
    scene.sides["airflow"].runs = [("scheduled-3",)]
    assert scene.to_dagster("bake").steps == {"bake": "dagster"}, "nothing is to be moved"


def test_without_proof_no_step_is_given_away(scene: Scene) -> None:
    with pytest.raises(UsageError, match="nothing is compared yet, and --after 7 asks for 7"):
        scene.to_dagster("bake", after=7)
    assert scene.log == []


def test_a_call_that_fails_undoes_what_was_done(scene: Scene) -> None:
    scene.sides["dagster"].broken = "dagster on"
    with pytest.raises(ServiceError, match="it refuses"):
        scene.to_dagster("bake")
    seen = scene.move.read()
    assert (seen.steps, seen.pending, seen.history[-1]["outcome"]) == ({}, None, "undone")
    assert scene.ons == {"airflow": True, "dagster": False}
    assert roll_back(scene.move, ("bake",)) == seen


def killed(scene: Scene, *steps: str) -> None:
    """Leaves what a cut-over of steps leaves that was killed after its last call."""
    scene.to_dagster(*steps)
    change = scene.move.read().history[-1]
    scene.sides["dagster"].on = False
    scene.die("cutover", "dagster on")
    seen = scene.move.read()
    moved = {name: change[name] for name in ("steps", "before", "after")}
    owner = {"owner": AIRFLOW, "steps": {}, "history": seen.history[:-1]}
    scene.move.keep(replace(seen, **owner, pending={**(seen.pending or {}), **moved}))


def test_while_a_step_changes_hands_nobody_begins_it(scene: Scene) -> None:
    killed(scene, "bake")
    seen = scene.move.read()
    assert [name for name in bread.step_names if seen.moves(name)] == ["bake"]
    assert not seen.owns("airflow")
    scene.die("cutover")
    assert all(scene.move.read().moves(name) for name in bread.step_names)


def test_a_killed_cutover_is_finished_by_the_same_command(scene: Scene) -> None:
    killed(scene, "bake")
    assert scene.to_dagster("bake", after=7).steps == {"bake": "dagster"}
    assert scene.ons == {"airflow": True, "dagster": True}
    # one of another step finishes it, too, before its own begins
    roll_back(scene.move)
    killed(scene, "bake")
    assert scene.to_dagster("sell").steps == {"bake": "dagster", "sell": "dagster"}


def test_a_killed_cutover_is_undone_by_the_other_command(scene: Scene) -> None:
    killed(scene, "bake")
    seen = roll_back(scene.move, ("bake",))
    assert (seen.steps, seen.pending) == ({}, None)
    assert scene.ons == {"airflow": True, "dagster": False}


def test_what_cannot_be_divided_is_named(scene: Scene) -> None:
    scene.sides["prefect"] = Stand("prefect", scene.log, on=False)
    with pytest.raises(UsageError, match="bread has no step 'bakes': did you mean 'bake'"):
        scene.to_dagster("knead", "bakes")
    with pytest.raises(UsageError, match="bread has no step 'cell': did you mean 'sell'"):
        roll_back(scene.move, ("cell",))
    with pytest.raises(UsageError, match="airflow owns bread, not dagster: correct --from"):
        cut_over(scene.move, DAGSTER, PREFECT, 0, ("bake",))
    with pytest.raises(UsageError, match=r"airflow \(DAG old\) is not ours, so it cannot wait for a step of ours"):
        cut_over(scene.move, LEGACY, DAGSTER, 0, ("bake",))
    scene.to_dagster("bake")
    for steps in (("knead",), ()):
        with pytest.raises(UsageError, match="airflow and dagster share bread, not prefect: correct --from, --to"):
            cut_over(scene.move, AIRFLOW, PREFECT, 0, steps)
    with pytest.raises(UsageError, match="airflow and dagster share bread, not prefect"):
        cut_over(scene.move, PREFECT, AIRFLOW, 0)
    scene.sides["dagster"].on = None
    with pytest.raises(UsageError, match="dagster has no schedule of it"):
        scene.to_dagster("sell")


def test_the_steps_of_a_pipeline_with_groups_stay_together(scene: Scene) -> None:
    together = replace(bread, steps=tuple(replace(step, group="oven") for step in bread.steps))
    with pytest.raises(UsageError, match="pipeline bread has the group oven.*cut over the whole pipeline"):
        step_ownership.change_to(together, scene.move.read(), (AIRFLOW, DAGSTER), ("bake",))
    change = step_ownership.change_to(together, scene.move.read(), (AIRFLOW, DAGSTER), ())
    assert change.after.owner == DAGSTER


def test_who_owns_nothing_gives_nothing_away(tmp_path: Path) -> None:
    scene = scene_in(tmp_path)
    with pytest.raises(UsageError, match="nobody owns bread yet.* --from dagster --to airflow --after 0"):
        scene.to_dagster("bake")
    scene.move.keep(schedule_ownership.Owners(LEGACY, schedule_ownership.now()))
    with pytest.raises(UsageError, match="is not ours"):
        scene.to_dagster("bake")
    cut_over(scene.move, LEGACY, DAGSTER, 0)
    assert roll_back(scene.move, ("bake",)).owner == DAGSTER, "it took it from nobody"
    assert roll_back(scene.move).owner == LEGACY
    equal_days(scene, 7, pair="legacy-airflow-dagster")
    cut_over(scene.move, LEGACY, DAGSTER, 7)
    with pytest.raises(UsageError, match=r"airflow \(DAG old\) cannot share bread: roll back all of it"):
        roll_back(scene.move, ("bake",))


def test_steps_come_back_from_a_whole_cutover(scene: Scene) -> None:
    scene.sides["prefect"] = Stand("prefect", scene.log, on=False)
    scene.to_dagster()
    cut_over(scene.move, DAGSTER, PREFECT, 0)
    seen = roll_back(scene.move, ("bake",))
    assert (seen.owner, seen.steps) == (DAGSTER, {"knead": "prefect", "sell": "prefect"})
    assert roll_back(scene.move, ("bake",)) == seen
    assert roll_back(scene.move).owner == DAGSTER
    assert roll_back(scene.move).owner == AIRFLOW
    assert scene.ons == {"airflow": True, "dagster": False, "prefect": False}


def test_steps_come_back_from_the_first_cutover_where_it_had_a_proof(tmp_path: Path) -> None:
    scene = scene_in(tmp_path)
    equal_days(scene, 7)
    scene.to_dagster(after=7)
    seen = roll_back(scene.move, ("bake",))
    assert (seen.owner, seen.steps) == (AIRFLOW, {"knead": "dagster", "sell": "dagster"})


def test_services_hold_back_what_they_have_no_part_of(tmp_path: Path) -> None:
    name = "counterpoint.testing.scenarios:linear"
    schedule_ownership.keep(
        Objects(str(tmp_path)),
        "linear",
        schedule_ownership.Owners(AIRFLOW, schedule_ownership.now(), steps={"x": "dagster"}),
    )
    back = {side: held_back(str(tmp_path), (name,), side) for side in ("airflow", "dagster", "prefect")}
    assert back == {"airflow": (), "dagster": (), "prefect": (name,)}


def test_what_was_kept_before_steps_could_move_is_read(tmp_path: Path) -> None:
    objects = Objects(str(tmp_path))
    about = {
        "action": "cutover",
        "at": schedule_ownership.now(),
        "streak": None,
        "from": AIRFLOW.to_dict(),
        "to": DAGSTER.to_dict(),
    }
    history = [{**about, "ended": schedule_ownership.now(), "outcome": "done"}]
    kept = {
        "owners_form": 1,
        "owner": DAGSTER.to_dict(),
        "since": schedule_ownership.now(),
        "pending": None,
        "history": history,
    }
    objects.put_json("owners/bread.json", kept)
    scene = scene_in(tmp_path)
    assert roll_back(scene.move).owner == AIRFLOW


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(("cutover", "return", "rollback")), st.sets(st.sampled_from(bread.step_names))),
        max_size=8,
    )
)
def test_whatever_is_moved_each_step_has_one_side_and_its_schedule_runs(
    tmp_path_factory: pytest.TempPathFactory, commands: list[tuple[str, set[str]]]
) -> None:
    scene = scene_in(tmp_path_factory.mktemp("root"))
    cut_over(scene.move, DAGSTER, AIRFLOW, 0)
    for action, chosen in commands:
        steps, before = tuple(sorted(chosen)), sides(scene)
        way = (AIRFLOW, DAGSTER) if action == "cutover" else (DAGSTER, AIRFLOW)
        try:
            seen = roll_back(scene.move, steps) if action == "rollback" else cut_over(scene.move, *way, 0, steps)
        except CounterpointError:
            assert sides(scene) == before
            continue
        assert seen.pending is None
        found = sides(scene)
        assert scene.ons == {name: name in found.values() for name in ("airflow", "dagster")}
        if action != "rollback":
            assert found == before | dict.fromkeys(steps or bread.step_names, way[1].name)
        elif steps:
            assert roll_back(scene.move, steps) == seen
            assert all(found[name] == before[name] for name in set(bread.step_names) - chosen)
