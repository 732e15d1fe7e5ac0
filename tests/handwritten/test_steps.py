"""The steps that all handwritten pipelines share: equal to Counterpoint's, with no orchestrator at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.torch]
DAY = "2026-01-08"
DECIDING = {"retrieval_model", "ranking_model", "retrieval_evaluation", "ranking_evaluation"}


def run(day: str) -> None:
    from byhand import steps
    from byhand.lake import days_before

    for earlier in days_before(day, *steps.WINDOW):
        steps.raw_interactions(earlier)
        steps.validated_interactions(earlier)
    steps.training_features(day)
    for name in sorted(DECIDING, reverse=True):  # models are trained before they are evaluated
        getattr(steps, name)(day)
    steps.registered_models(day, DECIDING)


def test_all_outputs_are_those_of_counterpoint(
    lake: Path, expected: dict[str, str], digests: Callable[[], dict[str, str]]
) -> None:
    from byhand import steps

    assert steps.missing_days(DAY) == [f"2026-01-0{day}" for day in range(2, 8)]
    run(DAY)
    assert steps.missing_days(DAY) == []
    assert digests() == expected
    assert len(expected) == 8

    from byhand.registry import champions, client_of

    standing = champions(client_of(lake), "2026-01-09")
    told = json.loads((lake / "values" / "registered_models" / f"{DAY}.json").read_text())
    assert {one["model"] for one in told if one["stage"] == "production"} == set(standing)
    assert champions(client_of(lake), DAY) == {}, "the champion of a day is of a day before it"


def test_what_is_not_there_is_named(lake: Path) -> None:
    from byhand import steps
    from byhand.lake import NotInLakeError

    with pytest.raises(NotInLakeError, match=r"daily_partials of 2026-01-02 is not in .*lake"):
        steps.training_features(DAY)
    assert not (lake / "tables").exists()


def test_only_who_is_named_is_told(
    lake: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from byhand import alerts

    monkeypatch.setenv("STREAMREC_ALERTS_P0", "json://127.0.0.1:1")
    alerts.failed("ranking_model", DAY, ValueError("no rows"))
    assert "P0 streamrec ranking_model of 2026-01-08 failed: ValueError: no rows" in caplog.text
    assert "could not be sent" in caplog.text


def test_the_settings_cost_a_scheduler_nothing(lake: Path) -> None:
    heavy = "polars", "torch", "mlflow", "deltalake"
    code = f"import sys, byhand.settings; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert Path(lake).exists() is False
