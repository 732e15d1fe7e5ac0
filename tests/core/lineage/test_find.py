"""The lineage is found by the id of a run and by the name of a registered model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from workshop import DAY, GATE, NAME, PIPELINE, Workshop

from counterpoint.errors import UsageError
from counterpoint.lineage import find_lineage, keep_whole

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("subject", "run_id"),
    [("run-1", "run-1"), ("run-2", "run-2"), (NAME, "run-2"), (f"{NAME}/1", "run-1"), (f"{NAME}/2", "run-2")],
)
def test_a_run_or_a_model_is_found(registered: Workshop, subject: str, run_id: str) -> None:
    assert find_lineage(registered.root, subject)["run_id"] == run_id


@pytest.mark.parametrize("subject", ["run-3", "run", "", "/", f"{NAME}/3", f"{NAME}/x", "workshop"])
def test_what_is_neither_is_refused_by_name(registered: Workshop, subject: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_lineage(registered.root, subject)
    assert f"neither a run nor a registered model is called {subject!r}" in str(caught.value)
    assert "name a run id as 'run' prints it, or a model as name or name/version" in str(caught.value)


def test_a_root_without_runs_is_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"called 'run-1' below"):
        find_lineage(str(tmp_path / "data"), "run-1")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_somebody_else_registered_has_no_lineage(registered: Workshop) -> None:
    registered.client.create_registered_model("theirs")
    registered.client.create_model_version("theirs", "file:///nowhere")
    registered.client.set_registered_model_alias("theirs", "champion", "1")
    with pytest.raises(UsageError, match="called 'theirs'"):
        find_lineage(registered.root, "theirs")


def test_the_lineage_is_that_of_the_run_that_made_the_version(registered: Workshop) -> None:
    registered.register(1, DAY, run_id="run-3")
    assert find_lineage(registered.root, f"{NAME}/1")["run_id"] == "run-1"
    assert find_lineage(registered.root, "run-3")["registry_versions"] == {NAME: 1}


def test_the_end_of_a_run_leaves_what_its_registration_told(workshop: Workshop) -> None:
    """A backfill tells the lineage of a partition at its end, when more stands than when its model was registered."""
    told = workshop.register()
    workshop.keep(GATE, [], DAY)
    keep_whole(workshop.store, PIPELINE, workshop.request())
    found = find_lineage(workshop.root, f"{NAME}/1")
    assert (found["mlflow_runs"], found["registry_versions"]) == (told["mlflow_runs"], {NAME: 1})
    assert set(found["outputs"]) == {"trained", "registered"}
