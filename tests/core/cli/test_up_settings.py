"""What `up` serves: which pipelines, and with which settings runs are made that nobody asks for."""

from __future__ import annotations

from importlib.metadata import EntryPoint, distribution
from typing import TYPE_CHECKING

import pytest

from counterpoint.cli.up import _serve
from counterpoint.errors import UsageError
from counterpoint.runtime import find_pipeline, registry, served_pipelines
from counterpoint.runtime.settings import note, served_with
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from pathlib import Path

LINEAR = "counterpoint.testing.scenarios:linear"


def test_what_the_user_registered_is_served_and_the_example_only_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = EntryPoint("streamrec", "streamrec.pipeline:pipeline", registry.EXAMPLES)
    theirs = EntryPoint("fraud", "fraud.pipeline:pipeline", registry.GROUP)
    assert ours in distribution("streamrec").entry_points, "it says itself that it is an example"
    monkeypatch.delenv("COUNTERPOINT_PIPELINES", raising=False)
    for found, served in (((ours, theirs), ["fraud"]), ((ours,), ["streamrec"])):
        monkeypatch.setattr(registry, "entry_points", lambda group, found=found: [e for e in found if e.group == group])
        assert served_pipelines() == served
        assert set(registry.registered()) == {entry.name for entry in found}
    monkeypatch.setenv("COUNTERPOINT_PIPELINES", "streamrec")
    assert served_pipelines() == ["streamrec"]


def test_the_settings_of_production_are_served_but_for_those_that_are_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    objects, pipeline = Objects(str(tmp_path)), find_pipeline("streamrec")
    note(objects, pipeline, pipeline.steps, {"source": "/days", "seed": 5})
    _serve(str(tmp_path), ("streamrec", LINEAR), "dagster", {"seed": 6})
    assert served_with(objects, "streamrec", "dagster") == {"source": "/days", "seed": 6}
    assert "scheduled runs of streamrec use --set seed=6 --source /days" in capsys.readouterr().err
    with pytest.raises(UsageError, match="has a setting 'sed'"):
        _serve(str(tmp_path), ("streamrec",), "dagster", {"sed": 6})
