"""The file and the step that the page on environments shows are taken as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.alerts.routes import load_routes
from counterpoint.configuration import read_file
from counterpoint.model import step

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "environments.md"


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_file_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "counterpoint.toml"
    path.write_text(block("toml"), encoding="utf-8")
    prod = read_file(path).environment("prod")
    assert (prod.secrets, prod.pipelines) == ({"api_key": "env:API_KEY"}, {"fraud": {"threshold": 0.5}})
    assert prod.source == f"{tmp_path}/folder,profile={tmp_path}/p.toml"
    monkeypatch.setenv("SLACK_TOKEN", "token-of-slack")
    monkeypatch.setenv("COUNTERPOINT_ALERTS", f"{path}#env.prod.alerts")
    assert load_routes().urls == {"P0[0]": "slack://token-of-slack/#alerts"}


def test_the_step_is_taken() -> None:
    names = {"__name__": "page", "step": step}
    exec(compile(block("python"), "environments.md", "exec"), names)  # noqa: S102 - the page's own example
    assert names["rates"].resolve({"rates"}, set()).secrets[0].name == "api_key"
