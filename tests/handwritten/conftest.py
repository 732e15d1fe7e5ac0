"""What the tests of the handwritten pipelines share: a small source, and what the local runner makes of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.model import RunRequest
from counterpoint.services import LocalEngine
from counterpoint.services.launch import launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Digests = Callable[[Path], dict[str, str]]

FOLDER = str(Path(__file__).parents[2] / "benchmarks" / "handwritten" / "src")
SOURCE = "synthetic:rows=1500,users=150,items=80,seed=7"
DAY = "2026-01-08"
TABLES = ("raw_interactions", "validated_interactions", "training_features")
MODELS = ("retrieval_model", "ranking_model")
VALUES = ("retrieval_evaluation", "ranking_evaluation", "registered_models")


@pytest.fixture(scope="module", autouse=True)
def byhand(on_path: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    """The handwritten pipelines importable here and in every process that is started."""
    with on_path(FOLDER):
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "byhand"]:
        del sys.modules[name]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty lake that a deployment of the small source uses."""
    monkeypatch.setenv("STREAMREC_ROOT", str(tmp_path / "lake"))
    monkeypatch.setenv("STREAMREC_SOURCE", SOURCE)
    return tmp_path / "lake"


@pytest.fixture(scope="session")
def expected(once: Callable[[str, Callable[[], Any]], Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By step, the digest of what Counterpoint's local runner makes of `DAY`."""

    def run() -> dict[str, str]:
        root = str(tmp_path_factory.mktemp("local"))
        request = RunRequest("streamrec", DAY, "local", root, "local", config={"source": SOURCE})
        record = launch(request, LocalEngine())
        return {step.name: step.output.digest for step in record.steps if step.output}

    found: dict[str, str] = once("handwritten", run)
    return found


@pytest.fixture
def digests(lake: Path) -> Digests:
    """Computes, by step, the digest of what a lake holds of `DAY`; only of what is there."""

    def computed(root: Path = lake) -> dict[str, str]:
        from byhand.lake import Lake, NotInLakeError
        from counterpoint.storage.digests import content_digest, json_digest, model_digest

        here, found = Lake(root), dict[str, str]()
        kinds = [
            (TABLES, here.read_table, content_digest),
            (MODELS, here.read_model, model_digest),
            (VALUES, here.read_json, json_digest),
        ]
        for names, read, digest in kinds:
            for name in names:
                try:
                    found[name] = digest(read(name, DAY))
                except NotInLakeError:
                    continue
        return found

    return computed
