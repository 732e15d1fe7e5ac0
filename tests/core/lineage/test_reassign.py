"""A person promotes a model or rolls one back: the next gate sees it, and what others registered stays as it is."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from mlflow import MlflowClient
from workshop import AFTER, BEFORE, DAY, NAME, PIPELINE, Workshop

from counterpoint.errors import UsageError
from counterpoint.lineage import AliasChange, model_versions, promote_model, promote_models, register, roll_back
from counterpoint.model import Decision, Pipeline, RunRequest
from counterpoint.storage import Store
from counterpoint.storage.versions import promote

LATER = "2026-01-05"
MARK = "counterpoint.rolled_back"


@pytest.fixture
def three(workshop: Workshop) -> Workshop:
    """Three days of one model; the last one is champion."""
    for number, day in enumerate((BEFORE, DAY, AFTER), 1):
        workshop.register(number, day, run_id=f"run-{number}")
    return workshop


def back(workshop: Workshop, to: int | None = None) -> AliasChange:
    return roll_back(workshop.store, NAME, to, "ann")


def forward(workshop: Workshop, number: int) -> AliasChange:
    return promote_model(workshop.store, NAME, number, "ben")


def bar(workshop: Workshop, before: str = "2027-01-01") -> int | None:
    """The version that the gate of a day compares with."""
    found = workshop.champion(before)
    return found and found.version


def marked(workshop: Workshop) -> list[int]:
    return [version.version for version in model_versions(workshop.store) if version.rolled_back]


def state(client: MlflowClient) -> dict[str, object]:
    """All that can be changed: tags and aliases."""
    versions = {f"{v.name}/{v.version}": dict(v.tags) for v in client.search_model_versions()}
    return {**versions, **{model.name: dict(model.aliases) for model in client.search_registered_models()}}


def archive(workshop: Workshop, number: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # stages are deprecated, and used
        workshop.client.transition_model_version_stage(NAME, str(number), "Archived")


def test_after_a_rollback_the_next_gate_compares_with_the_version_before(three: Workshop) -> None:
    assert back(three) == AliasChange(NAME, 2, DAY, 3, (3,))
    assert (three.aliases(), bar(three), marked(three)) == ({"champion": 2}, 2, [3])
    # also without an alias, and after the next model has taken over
    three.client.delete_registered_model_alias(NAME, "champion")
    assert bar(three) == 2
    three.register(4, LATER, run_id="run-4")
    assert (three.aliases(), bar(three, LATER), bar(three), marked(three)) == ({"champion": 4}, 2, 4, [3])


def test_a_rollback_to_a_version_marks_all_that_it_passes(three: Workshop) -> None:
    assert back(three, 1) == AliasChange(NAME, 1, BEFORE, 3, (2, 3))
    assert (bar(three), bar(three, AFTER), marked(three)) == (1, 1, [2, 3])
    with pytest.raises(UsageError, match="is no version of production before the champion, version 1"):
        back(three, 1)


def test_a_rollback_skips_what_is_rolled_back_or_archived(three: Workshop) -> None:
    three.register(4, LATER, run_id="run-4")
    back(three, 3)
    forward(three, 4)
    back(three, 2)
    forward(three, 4)
    assert marked(three) == [3]
    archive(three, 2)
    assert back(three).champion == 1
    assert bar(three) == 1


def test_an_archived_champion_is_rolled_back_too(three: Workshop) -> None:
    archive(three, 3)
    assert back(three) == AliasChange(NAME, 2, DAY, 3, ())
    assert (three.aliases(), bar(three)) == ({"champion": 2}, 2)


def test_a_promotion_after_a_rollback_restores_the_champion(three: Workshop) -> None:
    before = bar(three)
    back(three)
    assert forward(three, 3) == AliasChange(NAME, 3, AFTER, 2)
    assert (three.aliases(), bar(three), bar(three, AFTER), marked(three)) == ({"champion": 3}, before, 2, [])
    assert [tag for tag in three.client.get_model_version(NAME, "3").tags if tag.startswith(MARK)] == []


def test_a_promotion_of_an_earlier_version_rolls_the_later_ones_back(three: Workshop) -> None:
    assert forward(three, 1) == AliasChange(NAME, 1, BEFORE, 3, (2, 3))
    assert (bar(three), marked(three)) == (1, [2, 3])


def test_a_promotion_of_the_champion_changes_nothing(three: Workshop) -> None:
    before = state(three.client)
    assert forward(three, 3) == AliasChange(NAME, 3, AFTER, 3, changed=False)
    assert state(three.client) == before


def test_tags_tell_who_did_it_and_when(three: Workshop) -> None:
    back(three)
    _, reinstated, withdrawn = (three.client.get_model_version(NAME, str(number)).tags for number in (1, 2, 3))
    assert (withdrawn[MARK], withdrawn[f"{MARK}_by"], reinstated["counterpoint.promoted_by"]) == ("true", "ann", "ann")
    assert withdrawn[f"{MARK}_at"] == reinstated["counterpoint.promoted_at"]
    assert withdrawn[f"{MARK}_at"].endswith("+00:00")
    assert "counterpoint.promoted_by" not in withdrawn


def test_a_repeated_run_does_not_undo_a_rollback(three: Workshop) -> None:
    back(three)
    assert three.register(3, AFTER, run_id="again")["registry_versions"] == {NAME: 3}
    assert (three.aliases(), bar(three)) == ({"champion": 2}, 2)


def test_a_repeated_promotion_of_data_does_not_undo_a_rollback(three: Workshop) -> None:
    trial = three.trial()
    trial.register(4, LATER, run_id="run-4")
    with pytest.raises(UsageError, match="made in the version trial of the data, which is not in production"):
        forward(three, 4)
    promote(trial.store)
    assert promote_models(trial.store, PIPELINE) == {NAME: {"champion": 4}}
    assert back(three) == AliasChange(NAME, 3, AFTER, 4, (4,))
    assert promote_models(trial.store, PIPELINE) == {}
    assert bar(three) == 3
    assert forward(three, 4).champion == bar(three) == 4


def test_a_challenger_that_is_promoted_is_the_bar(three: Workshop) -> None:
    three.register(4, LATER, "staging", "run-4")
    assert three.aliases() == {"champion": 3, "challenger": 4}
    with pytest.raises(UsageError, match=r"version 4 of workshop-model \(staging, 2026-01-05\) is no version"):
        back(three, 4)
    forward(three, 4)
    assert (three.aliases(), bar(three)) == ({"champion": 4}, 4)
    assert back(three) == AliasChange(NAME, 3, AFTER, 4, (4,))


@pytest.mark.parametrize("call", ["set_model_version_tag", "set_registered_model_alias"])
def test_a_rollback_that_broke_off_is_completed_by_another(
    three: Workshop, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def break_off(*_: object) -> None:
        raise ConnectionError("the wire was cut")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, call, break_off)
        with pytest.raises(ConnectionError):
            back(three)
    assert bar(three) == 3
    assert back(three).champion == 2
    assert (three.aliases(), bar(three), marked(three)) == ({"champion": 2}, 2, [3])


def test_nothing_to_go_back_to_is_an_error_and_changes_nothing(workshop: Workshop) -> None:
    workshop.register(1, DAY)
    before = state(workshop.client)
    with pytest.raises(UsageError, match=r"has nothing to go back to: no version of production before version 1"):
        back(workshop)
    assert state(workshop.client) == before
    workshop.client.delete_registered_model_alias(NAME, "champion")
    with pytest.raises(UsageError, match="has no champion that could be rolled back: promote one of its versions"):
        back(workshop)
    assert forward(workshop, 1) == AliasChange(NAME, 1, DAY, None)


def test_a_version_that_a_person_registered_is_left_alone(three: Workshop) -> None:
    theirs = three.client.create_model_version(NAME, str(Path(three.root).absolute()), None).version
    before = state(three.client)
    with pytest.raises(UsageError, match=r"version 4 of workshop-model was not registered by workshop .* 1, 2, 3"):
        forward(three, 4)
    assert state(three.client) == before
    assert back(three, 1).rolled_back == (2, 3)
    assert dict(three.client.get_model_version(NAME, theirs).tags) == {}
    three.client.set_registered_model_alias(NAME, "champion", theirs)
    before = state(three.client)
    for move in (lambda: back(three), lambda: forward(three, 3)):
        with pytest.raises(UsageError, match="champion of workshop-model, version 4, was not registered by workshop"):
            move()
    assert state(three.client) == before


def test_the_model_of_another_pipeline_is_left_alone(three: Workshop) -> None:
    other = Pipeline("other", PIPELINE.steps, config=PIPELINE.config)
    request = RunRequest("workshop:OTHER", DAY, "run-1", three.root)
    decision = Decision("theirs", "trained", "production", "it is good", {"recall@20": 0.3})
    register(Store(three.root, other), other, request, [decision], {"trained": three.trained()})
    before = state(three.client)
    for move in (roll_back, promote_model):
        with pytest.raises(UsageError, match=r"the model 'theirs' was not registered by workshop .* workshop-model"):
            move(three.store, "theirs", 1, "ann")
    assert state(three.client) == before
    assert {version.model for version in model_versions(three.store)} == {NAME}


def test_roots_that_share_a_server_do_not_change_each_others_versions(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scheduled runs of two Airflows have the same ids, so the run alone does not say whose a version is."""
    (tmp_path / "server.db").write_bytes(empty_database.read_bytes())
    monkeypatch.chdir(tmp_path)  # where such a server has its artifacts
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/server.db")
    ours, theirs = Workshop(str(tmp_path / "ours")), Workshop(str(tmp_path / "theirs"))
    ours.register(1, BEFORE, run_id="scheduled-2")
    theirs.register(2, DAY, run_id="scheduled-3")
    ours.register(3, DAY, run_id="scheduled-3")
    theirs.register(4, AFTER, run_id="scheduled-4")
    ours.register(5, LATER, run_id="scheduled-5")
    assert [version.version for version in model_versions(ours.store)] == [1, 3, 5]
    assert [version.version for version in model_versions(theirs.store)] == [2, 4]
    with pytest.raises(UsageError, match="champion of workshop-model, version 5, was not registered by workshop below"):
        back(theirs)
    with pytest.raises(UsageError, match="version 4 of workshop-model was not registered by workshop below"):
        back(ours, 4)
    assert back(ours, 1) == AliasChange(NAME, 1, BEFORE, 5, (3, 5))
    assert [version.rolled_back for version in model_versions(theirs.store)] == [None, None]
