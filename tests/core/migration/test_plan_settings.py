"""What a settings file may hold, and how a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterpoint.cli.main import main
from counterpoint_migrate.plan.settings import WEIGHTS, Settings, read_settings

TEAM = Path(__file__).resolve().parents[3] / "examples" / "airflow_team"


def test_without_a_file() -> None:
    assert read_settings(None) == Settings(weights=WEIGHTS, max_dags=5, max_tasks=None)


def test_what_is_given_replaces_only_that(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text('[weights]\nrisk = 0\n[waves]\nmax_tasks = 7\n[dags."a.b"]\nvalue = 1\nowners = ["x", "y"]\n')
    found = read_settings(file)
    assert found.weights == {**WEIGHTS, "risk": 0.0}
    assert (found.max_dags, found.max_tasks) == (5, 7)
    assert (found.values, found.owners) == ({"a.b": 1.0}, {"a.b": ("x", "y")})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[weights]\nluck = 1\n", "weights.luck: there is no such setting; there are complexity, coupling, risk"),
        ("[weights]\nrisk = -1\n", "weights.risk: write a number from 0 to 100"),
        ("[weights]\nrisk = true\n", "weights.risk: write a number from 0 to 100"),
        ("[weights]\nvalue = 0\ncomplexity = 0\nrisk = 0\ncoupling = 0\n", "weights are all zero: let one count"),
        ("weights = 3\n", "weights: write it as a table"),
        ("[waves]\nmax_dags = 0\n", "waves.max_dags: write a whole number from 1"),
        ("[waves]\nmax_tasks = 1.5\n", "waves.max_tasks: write a whole number from 1"),
        ("[dags.pricing]\nvalue = 1.1\n", "dags.pricing.value: write a number from 0 to 1"),
        ("[dags.pricing]\nowners = 'x'\n", "dags.pricing.owners: write a list of names"),
        ("[dags.pricing]\nwave = 1\n", "dags.pricing.wave: there is no such setting; there are owners, value"),
        ("[dags.pricin]\nvalue = 1\n", "[dags.pricin] is no DAG of the folder: did you mean 'pricing'?"),
        ("[wave]\n", "wave: there is no such setting; there are dags, waves, weights"),
        ("[weights\n", "is no TOML"),
    ],
)
def test_a_wrong_one_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(text)
    assert main(["migrate", "plan", str(TEAM), "--settings", str(file)]) == 2
    err = capsys.readouterr().err
    assert f"--settings {file}: " in err
    assert told in err


def test_one_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "plan", str(TEAM), "--settings", str(tmp_path / "none.toml")]) == 2
    assert "none.toml: cannot be read: No such file" in capsys.readouterr().err
