"""StreamRec: what the handwritten DAG's steps leave in their lake against Counterpoint's own runs of the same day."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint_migrate.validate.recheck import check_again
from counterpoint_migrate.validate.validate import Question
from counterpoint_migrate.validate.verdict import validate

# the same is proved on Dagster in the gate (tests/integration/test_validation.py), with another pipeline in core
pytestmark = [pytest.mark.torch, pytest.mark.long, pytest.mark.release]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

FOLDER = str(Path(__file__).parents[3] / "benchmarks" / "handwritten" / "src")
SOURCE = "synthetic:rows=1500,users=150,items=80,seed=7"
DAY = "2026-01-08"
TABLES = ("raw_interactions", "validated_interactions", "training_features")
MODELS = ("retrieval_model", "ranking_model")
VALUES = ("retrieval_evaluation", "ranking_evaluation", "registered_models")


@pytest.fixture(scope="module")
def lake(
    on_path: Callable[[str], AbstractContextManager[None]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """What the classic DAG's tasks leave of one day, and of the tables of its window."""
    root = tmp_path_factory.mktemp("classic") / "lake"
    with on_path(FOLDER), pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAMREC_ROOT", str(root))
        patch.setenv("STREAMREC_SOURCE", SOURCE)
        from byhand import steps
        from byhand.lake import days_before

        for day in days_before(DAY, 6):
            steps.raw_interactions(day)
            steps.validated_interactions(day)
        for name in ("training_features", *MODELS, "retrieval_evaluation", "ranking_evaluation"):
            getattr(steps, name)(DAY)
        steps.registered_models(DAY, {*MODELS, "retrieval_evaluation", "ranking_evaluation"})
        yield root
    for name in [name for name in sys.modules if name.partition(".")[0] == "byhand"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def legacy(lake: Path) -> Path:
    """The file that tells where they lie."""
    lines = [f'[steps.{name}]\ntable = "lake/tables/{name}"\nwhere = "day"' for name in TABLES]
    lines += [f'[steps.{name}]\nmodel = "lake/models/{name}/{{date}}"' for name in MODELS]
    lines += [f'[steps.{name}]\njson = "lake/values/{name}/{{date}}.json"' for name in VALUES]
    file = lake.parent / "classic.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def judged(legacy: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict[str, Any]]:
    """The verdict on what lies in the lake now."""
    root = str(tmp_path_factory.mktemp("root"))

    def judge() -> dict[str, Any]:
        words, config = ("--source", SOURCE), {"source": SOURCE}
        asked = Question("streamrec", DAY, DAY, "airflow", "local", root, config, words, legacy)
        return validate(asked, lambda _: Path(sys.executable))

    return judge


def test_equal_and_with_another_seed_different(lake: Path, judged: Callable[[], dict[str, Any]]) -> None:
    found = judged()
    assert (found["equal"], found["causes"], len(found["outputs"])) == (True, [], 8)
    assert {row["by"] for row in found["outputs"]} == {"digest"}
    assert check_again(json.loads(json.dumps(found)))["holds"]
    another_seed(lake)
    again = check_again(json.loads(json.dumps(found)))
    assert [change["step"] for change in again["changed"]] == ["ranking_model"]
    found = judged()
    (cause,) = found["causes"]
    assert (cause["step"], cause["dates"], cause["hint"]["name"]) == ("ranking_model", [DAY], "seed")
    assert found["consequences"] == []


def another_seed(lake: Path) -> None:
    """Trains the ranking model of the lake anew from another seed."""
    from byhand.lake import Lake, days_before
    from byhand.settings import Settings
    from counterpoint.model import Partitions
    from streamrec.ranking import ranking_model

    here, settings = Lake(lake), Settings.from_environment().functions
    days = here.read_days("validated_interactions", days_before(DAY, 6, 1))
    partition = Partitions(start="2010-01-01").partition(DAY)
    features = here.read_table("training_features", DAY)
    here.write_model("ranking_model", DAY, ranking_model(features, days, partition, settings["ranking"], 12_345))
