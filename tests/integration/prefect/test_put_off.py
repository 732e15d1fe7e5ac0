"""A run that is put off comes back before the process that put it off has ended: the worker must outlive that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from counterpoint.model import RunRequest, Status
from counterpoint.services import engine_for, home_of
from counterpoint.services.launch import launch

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

pytestmark = [pytest.mark.prefect, pytest.mark.service, pytest.mark.long, pytest.mark.release]
SERVED = "lingering:pipeline"


def test_the_worker_is_not_ended_by_it(
    on_path: Callable[[str], AbstractContextManager[None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_path(str(Path(__file__).parent)):
        request = RunRequest(SERVED, "2026-01-03", "run", str(tmp_path), "prefect")
        __import__("lingering")  # here without its atexit
        monkeypatch.setenv("LINGERING", "1")
        with engine_for("prefect", str(tmp_path), (SERVED,), service=True) as engine:
            record = launch(request, engine)
    sys.modules.pop("lingering", None)
    assert record.step("before").status is Status.SUCCESS
    error = record.step("after").error
    assert error is not None
    assert error.type == "MissingInputError"
    said = (home_of(str(tmp_path), "prefect") / "logs" / "worker.log").read_text(encoding="utf-8")
    # it came back at least twice, while the processes before were still ending
    assert said.count("Beginning flow run") >= 3
    assert "started again" not in said
