"""Which version is champion and which challenger, whatever the order in which days are registered."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from workshop import AFTER, BEFORE, DAY, NAME, Workshop

from counterpoint.model import Champion

if TYPE_CHECKING:
    from conftest import Racer


def test_the_first_model_of_production_is_champion(workshop: Workshop) -> None:
    assert workshop.champion() is None
    workshop.register(3)
    assert workshop.aliases() == {"champion": 1}
    assert workshop.champion() == Champion(NAME, 1, DAY, {"recall@20": 0.3})


def test_a_later_day_takes_over_and_an_earlier_one_does_not(workshop: Workshop) -> None:
    for number, day in enumerate((DAY, AFTER, BEFORE)):
        workshop.register(number, day)
    assert workshop.versions() == {1: DAY, 2: AFTER, 3: BEFORE}
    assert workshop.aliases() == {"champion": 2}


def test_of_the_same_day_the_model_registered_last_takes_over(workshop: Workshop) -> None:
    workshop.register(1)
    workshop.register(2)
    assert workshop.aliases() == {"champion": 2}
    workshop.register(1, run_id="again")
    assert workshop.aliases() == {"champion": 2}


def test_staging_makes_a_challenger_and_leaves_the_champion(workshop: Workshop) -> None:
    workshop.register(1, DAY)
    workshop.register(2, AFTER, "staging")
    assert workshop.aliases() == {"champion": 1, "challenger": 2}
    workshop.register(3, BEFORE, "staging")
    assert workshop.aliases() == {"champion": 1, "challenger": 2}


def test_the_champion_of_a_day_is_the_newest_of_the_days_before_it(workshop: Workshop) -> None:
    for number, day in enumerate((DAY, AFTER, BEFORE), 1):
        workshop.register(number, day)
    workshop.register(9, "2026-01-05", "staging")
    # a backfill decides as the run of its own day would have: days to come do not count
    found = {day: workshop.champion(day) for day in (BEFORE, DAY, AFTER, "2026-01-31")}
    assert {day: c and c.version for day, c in found.items()} == {BEFORE: None, DAY: 3, AFTER: 1, "2026-01-31": 2}


def test_another_version_of_the_data_has_champions_of_its_own_and_no_say_in_production(workshop: Workshop) -> None:
    workshop.register(1, DAY)
    trial = workshop.trial()
    trial.register(2, AFTER)
    standing, tried = workshop.champion(), trial.champion()
    assert (standing and standing.version, tried and tried.version) == (1, 2)
    assert workshop.aliases() == {"champion": 1}


def test_before_anything_was_registered_there_is_no_champion_and_no_database(tmp_path: Path) -> None:
    assert Workshop(str(tmp_path)).champion() is None
    assert list(tmp_path.iterdir()) == []


def test_versions_are_found_among_many_models_of_others(workshop: Workshop) -> None:
    client = workshop.client
    for number in range(101):  # more than MLflow lists on one page
        client.create_registered_model(f"another-{number:03}")
    workshop.register(1)
    found = workshop.champion()
    assert found is not None
    assert found.version == 1


def test_the_same_model_registered_at_once_by_many_is_there_once(workshop: Workshop) -> None:
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda n: workshop.register(run_id=f"run-{n}"), range(4)))
    assert [each["registry_versions"] for each in told] == [{NAME: 1}] * 4
    assert (workshop.versions(), workshop.aliases()) == ({1: DAY}, {"champion": 1})


def test_days_registered_at_once_are_all_there_and_the_last_day_is_champion(workshop: Workshop) -> None:
    days = (BEFORE, AFTER, DAY)
    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(lambda n: workshop.register(n, days[n], run_id=f"run-{n}"), range(3)))
    versions = workshop.versions()
    assert (sorted(versions), sorted(versions.values())) == ([1, 2, 3], sorted(days))
    assert [versions[each["registry_versions"][NAME]] for each in told] == list(days)
    assert versions[workshop.aliases()["champion"]] == AFTER


def test_processes_that_need_a_database_at_once_make_one(racers: list[Racer], workshop: Workshop) -> None:
    assert [(racer.code, racer.out) for racer in racers] == [(0, "0 registered models\n")] * 2, racers
    assert workshop.client.search_registered_models() == []


def promoted_days(workshop: Workshop) -> None:
    for number, day in enumerate((BEFORE, DAY, AFTER), 1):
        workshop.register(number, day)


def bar(workshop: Workshop, before: str = "2027-01-01") -> int | None:
    found = workshop.champion(before)
    return found and found.version


def test_after_a_rollback_the_bar_is_the_model_that_stands(workshop: Workshop) -> None:
    promoted_days(workshop)
    assert bar(workshop) == 3
    workshop.client.set_registered_model_alias(NAME, "champion", "1")
    assert (bar(workshop), bar(workshop, DAY)) == (1, 1)
    # the next model that passes takes over, and what was rolled back stays so
    workshop.register(4, "2026-01-05")
    assert workshop.aliases() == {"champion": 4}
    assert (bar(workshop), bar(workshop, "2026-01-05")) == (4, 1)
    workshop.client.set_registered_model_alias(NAME, "champion", "3")
    assert bar(workshop) == 3


def test_what_was_rolled_back_does_not_keep_an_earlier_day_from_being_champion(workshop: Workshop) -> None:
    promoted_days(workshop)
    workshop.client.set_registered_model_alias(NAME, "champion", "1")
    workshop.register(5, DAY)
    assert workshop.aliases() == {"champion": 4}
    assert bar(workshop) == 4


def test_a_deleted_version_is_no_bar(workshop: Workshop) -> None:
    promoted_days(workshop)
    workshop.client.delete_model_version(NAME, "3")
    assert workshop.aliases() == {}
    assert bar(workshop) == 2
    workshop.register(4, "2026-01-05")
    assert workshop.aliases() == {"champion": 4}


def test_an_archived_version_is_no_bar(workshop: Workshop) -> None:
    promoted_days(workshop)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # stages are deprecated, and used
        workshop.client.transition_model_version_stage(NAME, "3", "Archived")
    assert bar(workshop) == 2
    workshop.register(4, "2026-01-05")
    assert (workshop.aliases(), bar(workshop)) == ({"champion": 4}, 4)


def test_without_an_alias_the_newest_version_is_the_bar(workshop: Workshop) -> None:
    promoted_days(workshop)
    workshop.client.delete_registered_model_alias(NAME, "champion")
    assert bar(workshop) == 3


def test_a_champion_whose_run_was_deleted_stands(workshop: Workshop) -> None:
    promoted_days(workshop)
    workshop.client.delete_run(workshop.client.get_model_version(NAME, "3").run_id)
    assert bar(workshop) == 3
    assert workshop.register(3, AFTER, run_id="again")["registry_versions"] == {NAME: 4}
    assert (workshop.aliases(), bar(workshop)) == ({"champion": 4}, 4)


def test_a_champion_that_a_person_registered_does_not_stop_the_gate(workshop: Workshop) -> None:
    promoted_days(workshop)
    made = workshop.client.create_model_version(NAME, str(Path(workshop.root).absolute()), None)
    workshop.client.set_registered_model_alias(NAME, "champion", made.version)
    assert bar(workshop) == 3


def test_the_gate_of_a_pipeline_decides_anew_after_a_rollback(workshop: Workshop) -> None:
    promoted_days(workshop)
    first = workshop.champion()
    workshop.client.set_registered_model_alias(NAME, "champion", "2")
    assert first != workshop.champion() == Champion(NAME, 2, DAY, {"recall@20": 0.2})
