"""The project of a pipeline: the distribution that registers or holds it, and the versions of what it needs."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from counterpoint.build import project_of
from counterpoint.errors import UsageError
from counterpoint.runtime.structure import refuse_other_structure, structure_of
from counterpoint.testing import scenarios

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path


def test_a_registered_pipeline_is_of_the_distribution_that_registers_it() -> None:
    project = project_of("streamrec")
    assert (project.name, project.version) == ("streamrec", version("streamrec"))
    assert (project.module, project.attribute) == ("streamrec.pipeline", "pipeline")


def test_its_requirements_are_the_installed_versions() -> None:
    lines = project_of("streamrec").requirements
    assert f"polars=={version('polars')}" in lines
    assert f"counterpoint=={version('counterpoint')}" in lines
    assert not [line for line in lines if line.startswith("streamrec==")]
    assert list(lines) == sorted(lines)


def test_one_by_its_module_is_of_the_distribution_that_holds_that() -> None:
    assert project_of("streamrec.pipeline:pipeline").name == "streamrec"


def test_one_of_no_distribution_is_refused(
    tmp_path: Path, on_path: Callable[[str], AbstractContextManager[None]]
) -> None:
    (tmp_path / "loose.py").write_text("pipeline = None\n")
    with (
        on_path(str(tmp_path)),
        pytest.raises(UsageError, match="belongs to no installed distribution.*pip install"),
    ):
        project_of("loose:pipeline")


def test_a_missing_requirement_is_named() -> None:
    with pytest.raises(UsageError, match="no-such-orchestrator.*pip install"):
        project_of("streamrec", "no-such-orchestrator")


def test_a_file_of_another_structure_is_refused() -> None:
    refuse_other_structure(scenarios.linear, structure_of(scenarios.linear))
    with pytest.raises(UsageError, match="linear was built from structure .*counterpoint build linear"):
        refuse_other_structure(scenarios.linear, structure_of(scenarios.diamond))
