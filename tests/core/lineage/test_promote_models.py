"""The aliases after a promotion: those of the promoted version's models that are later than who holds them."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient
from workshop import AFTER, BEFORE, DAY, NAME, PIPELINE, Workshop

from counterpoint.errors import UsageError
from counterpoint.lineage import promote_models
from counterpoint.storage.versions import promote


def promoted(trial: Workshop) -> dict[str, dict[str, int]]:
    promote(trial.store)
    return promote_models(trial.store, PIPELINE)


def test_a_later_model_of_a_promoted_version_becomes_champion_once(workshop: Workshop) -> None:
    workshop.register(1, DAY)
    trial = workshop.trial()
    trial.register(2, AFTER)
    assert workshop.aliases() == {"champion": 1}
    assert promoted(trial) == {NAME: {"champion": 2}}
    assert workshop.aliases() == {"champion": 2}
    assert promote_models(trial.store, PIPELINE) == {}
    assert workshop.aliases() == {"champion": 2}


def test_an_earlier_model_does_not_take_over(workshop: Workshop) -> None:
    workshop.register(1, AFTER)
    trial = workshop.trial()
    trial.register(2, DAY)
    assert promoted(trial) == {}
    assert workshop.aliases() == {"champion": 1}


def test_of_a_version_the_latest_of_each_stage_counts(workshop: Workshop) -> None:
    workshop.register(1, DAY)
    trial = workshop.trial()
    for number, day in enumerate((AFTER, BEFORE), 2):
        trial.register(number, day)
    trial.register(4, DAY, "staging")
    assert promoted(trial) == {NAME: {"champion": 2, "challenger": 4}}
    assert workshop.aliases() == {"champion": 2, "challenger": 4}


def test_of_the_same_day_the_one_registered_last_takes_over(workshop: Workshop) -> None:
    trial = workshop.trial()
    trial.register(2, DAY)
    workshop.register(1, DAY)
    assert promoted(trial) == {}
    other = Workshop(workshop.root, "other")
    other.register(3, DAY)
    assert promoted(other) == {NAME: {"champion": 3}}


def test_production_does_not_take_the_alias_back_for_an_earlier_day(workshop: Workshop) -> None:
    trial = workshop.trial()
    trial.register(1, AFTER)
    promoted(trial)
    workshop.register(2, DAY)
    assert workshop.aliases() == {"champion": 1}
    workshop.register(3, "2026-01-05")
    assert workshop.aliases() == {"champion": 3}


def test_what_broke_off_is_completed(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object) -> None:
        raise ConnectionError("the wire was cut")

    trial = workshop.trial()
    trial.register(1, DAY)
    promote(trial.store)
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", break_off)
        with pytest.raises(ConnectionError):
            promote_models(trial.store, PIPELINE)
    assert promote_models(trial.store, PIPELINE) == {NAME: {"champion": 1}}


def test_a_version_that_was_not_promoted_is_refused(workshop: Workshop) -> None:
    trial = workshop.trial()
    trial.register(1, DAY)
    with pytest.raises(UsageError, match="version trial of workshop was not promoted, so its models stay as they are"):
        promote_models(trial.store, PIPELINE)
    assert workshop.aliases() == {}


def test_without_a_registry_there_is_nothing_to_give(workshop: Workshop) -> None:
    trial = Workshop(f"{workshop.root}/elsewhere", "trial")
    trial.trained()
    assert promoted(trial) == {}
