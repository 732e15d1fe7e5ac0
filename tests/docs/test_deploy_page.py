"""The page about deployments shows a component as the adapter reads it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/deploy.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "adapters/dagster/src/counterpoint_dagster"


def fields(name: str) -> set[str]:
    """The attributes of a class of the component's module, which this environment cannot import."""
    tree = ast.parse((PACKAGE / "component.py").read_text(encoding="utf-8"))
    (model,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    return {
        node.target.id for node in model.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def test_the_component_of_the_page() -> None:
    (text,) = re.findall(r"^```yaml\n(type: counterpoint_dagster.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    component = yaml.safe_load(text)
    assert component["type"] == "counterpoint_dagster.PipelineComponent"
    assert set(component["attributes"]) <= fields("PipelineComponent")
    assert set(component["attributes"]["configuration"]) <= fields("ConfigurationModel")


def test_the_files_of_the_page() -> None:
    section = PAGE.partition("## Dagster")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))
    source = (PACKAGE / "build.py").read_text(encoding="utf-8")
    assert named == set(re.findall(r'"([\w/]+\.(?:py|yaml))"', source))
