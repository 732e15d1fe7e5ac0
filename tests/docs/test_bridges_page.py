"""The examples of the page about bridges: the pipeline's runs here, the other two are written for its two adapters.

Those two are taken by a real Dagster and a real Airflow in tests/integration/test_bridges.py.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/bridges.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_example_of_steps() -> None:
    names: dict[str, Any] = {}
    exec(compile(EXAMPLES[0], "bridges.md", "exec"), names)  # noqa: S102 - the page's own example
    assert names["airflow_run"]("load_orders").of("2026-01-07") == "run of the Airflow DAG load_orders for 2026-01-07"
    assert names["dagster_asset"]("shop/prices").of("2026-01-07") == "Dagster asset shop/prices for 2026-01-07"


def test_the_other_examples_use_what_the_adapters_have() -> None:
    assert len(EXAMPLES) == 3
    for example, adapter in zip(EXAMPLES[1:], ("dagster", "airflow"), strict=True):
        module = ROOT / "adapters" / adapter / "src" / f"counterpoint_{adapter}" / "bridges.py"
        there = {n.name for n in ast.parse(module.read_text(encoding="utf-8")).body if hasattr(n, "name")}
        used = [n for n in ast.walk(ast.parse(example)) if isinstance(n, ast.ImportFrom)]
        (ours,) = [n for n in used if n.module == f"counterpoint_{adapter}.bridges"]
        assert {alias.name for alias in ours.names} <= there


def test_the_variables_of_the_page_are_those_of_core() -> None:
    from counterpoint.model import airflow_run, dagster_asset

    for wait in (airflow_run("x"), dagster_asset("x")):
        variable = str(wait.url_variable)
        assert f"`{variable}`" in PAGE
        assert f"`{variable.removesuffix('_URL')}_TOKEN`" in PAGE
