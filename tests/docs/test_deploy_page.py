"""The page about deployments shows a component as the adapter reads it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import yaml

from counterpoint.configuration import read_file

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


def test_the_target_of_the_page(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```toml\n(\[target\..*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    file = tmp_path / "counterpoint.toml"
    file.write_text(text, encoding="utf-8")
    target = read_file(file).environment("prod").target
    assert target is not None
    assert (target.kind, target.token, target.ca) == ("airflow", "env:AIRFLOW_TOKEN", str(tmp_path / "team-ca.pem"))


def test_every_orchestrator_of_the_page_works_on_targets() -> None:
    section = PAGE.partition("## Work on your team's server")[2].partition("\n## ")[0]
    named = {name.lower() for name in re.findall(r"^\| (\w+) \|", section, re.MULTILINE)} - {"orchestrator"}
    flags = {
        path.parent.name.removeprefix("counterpoint_"): "has_targets = True" in path.read_text(encoding="utf-8")
        for path in ROOT.glob("adapters/*/src/*/__init__.py")
    }
    assert named == {name for name, works in flags.items() if works}
