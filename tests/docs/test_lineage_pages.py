"""The pages about OpenLineage and reproduction: their examples do what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.diff.drift import KS_LIMIT, MOST_CATEGORIES, PSI_LIMIT
from counterpoint.lineage.patch import LONGEST
from counterpoint.model import RunRequest
from counterpoint.reproduction.report import KINDS
from counterpoint.runtime import execute
from counterpoint.runtime.openlineage_events import SOURCES

if TYPE_CHECKING:
    import pytest

PAGES = Path(__file__).resolve().parents[2] / "docs/how-to"
SENDING, REPRODUCING = ((PAGES / name).read_text(encoding="utf-8") for name in ("openlineage.md", "reproduce.md"))


def example(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", SENDING, re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_file_of_the_page_makes_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "openlineage.yml").write_text(example("yaml"))
    monkeypatch.setenv("OPENLINEAGE_CONFIG", "openlineage.yml")
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "recommender")
    execute(
        RunRequest("counterpoint.testing.scenarios:linear", "2026-01-03", "run", str(tmp_path / "data")),
        "linear_numbers",
    )
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [(event["eventType"], event["job"]["namespace"]) for event in events] == [
        ("START", "recommender"),
        ("COMPLETE", "recommender"),
    ]


def test_the_contract_of_the_page_says_where_a_column_comes_from() -> None:
    names: dict[str, Any] = {}
    exec(compile(example("python"), "openlineage.md", "exec"), names)  # noqa: S102 - the page's own example
    assert names["loads"].columns["load"].metadata[SOURCES] == ["ships.tons", "trips.share"]


def test_the_limits_and_the_order_of_the_page_are_those_of_the_code() -> None:
    assert f"Above {KS_LIMIT} the column" in REPRODUCING
    assert f"Above {PSI_LIMIT} the column" in REPRODUCING
    assert f"more than {MOST_CATEGORIES} different texts" in REPRODUCING
    assert f"{LONGEST // 1024} KiB" in REPRODUCING
    assert ", ".join(KINDS) in REPRODUCING
