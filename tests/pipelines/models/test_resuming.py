"""A training killed with SIGKILL goes on from its last epoch, in another process, and ends in the same bytes."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import polars as pl
import psutil
import pytest

pytestmark = pytest.mark.torch

from counterpoint.errors import StepKilledError
from counterpoint.model import Partitions, RunRequest
from counterpoint.runtime import Attempt, context_of, execute, execute_in_child, step_record
from counterpoint.runtime.checkpoints import Checkpoint
from counterpoint.storage import model_digest
from counterpoint.storage.models import encode
from counterpoint.storage.objects import Objects
from streamrec.ranking import ranking_model
from streamrec.retrieval import retrieval_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.storage import Store

    from .conftest import Week

TRAIN = {"retrieval": retrieval_model, "ranking": ranking_model}
EPOCHS = {"retrieval": {"epochs": 3}, "ranking": {"epochs": 3, "least_steps": 1}}
PATH = "state"


class Deadly(Checkpoint):
    """Kills its process at one of its saves, before or after what is saved stands."""

    def __init__(self, root: Path, dies_before: int = 0, dies_after: int = 0) -> None:
        super().__init__(Objects(str(root)), PATH)
        self.before, self.after = dies_before, dies_after

    def save(self, data: bytes) -> None:
        if self._saved + 1 == self.before:
            os.kill(os.getpid(), signal.SIGKILL)
        super().save(data)
        if self._saved == self.after:
            os.kill(os.getpid(), signal.SIGKILL)


def train(name: str, days: str, root: Path, deaths: dict[str, int]) -> None:
    """One attempt: leaves the digests of the model's files, and how many epochs it trained."""
    found = {file.stem: pl.read_parquet(file) for file in sorted(Path(days).glob("*.parquet"))}
    features = found.pop("features")
    today = Partitions().partition("2026-01-07")
    checkpoint = Deadly(root, **deaths)
    files = encode(TRAIN[name](features, found, today, EPOCHS[name], 7, checkpoint))
    root.mkdir(exist_ok=True)
    digests = [hashlib.sha256(files[part]).hexdigest() for part in sorted(files)]
    (root / "told").write_text(" ".join([*digests, str(checkpoint.told()["checkpoint"]["saved"])]))


@pytest.fixture(scope="module")
def days(week: Week, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the week that is trained on."""
    folder = tmp_path_factory.mktemp("days")
    week.features.write_parquet(folder / "features.parquet")
    for key, rows in week.interactions.items():
        rows.write_parquet(folder / f"{key}.parquet")
    return folder


@pytest.fixture(scope="module")
def attempt(days: Path) -> Callable[..., int]:
    """Makes one attempt in a process of its own, forked from one that has imported torch; returns its exit code."""
    context = multiprocessing.get_context("forkserver")
    # the optimizers import this one on first use, which takes longer than all the training here
    context.set_forkserver_preload(["torch._dynamo", "streamrec.training", "streamrec.retrieval", "streamrec.ranking"])

    def make(name: str, root: Path, **deaths: int) -> int:
        process: Any = context.Process(target=train, args=(name, str(days), root, deaths))
        process.start()
        process.join()
        return int(process.exitcode)

    return make


def told(root: Path) -> tuple[list[str], int]:
    *digests, trained = (root / "told").read_text().split()
    return digests, int(trained)


@pytest.mark.parametrize("name", TRAIN)
def test_killed_after_and_within_every_epoch(name: str, attempt: Callable[..., int], tmp_path: Path) -> None:
    epochs = EPOCHS[name]["epochs"]
    assert attempt(name, tmp_path / "whole") == 0
    whole, trained = told(tmp_path / "whole")
    assert trained == epochs
    for done in range(1, epochs + 1):
        once = tmp_path / f"once-{done}"
        assert attempt(name, once, dies_after=done) == -signal.SIGKILL
        assert attempt(name, once) == 0
        assert told(once) == (whole, epochs - done)
    # each of these trains one epoch and a second one in vain
    often = tmp_path / "often"
    for _ in range(epochs - 1):
        assert attempt(name, often, dies_before=2) == -signal.SIGKILL
    assert attempt(name, often) == 0
    assert told(often) == (whole, 1)


@pytest.mark.parametrize("name", TRAIN)
def test_the_state_of_another_release_is_not_used(
    name: str, week: Week, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from streamrec import training

    def trained() -> tuple[bytes, int]:
        checkpoint = Checkpoint(Objects(str(tmp_path)), PATH)
        model = TRAIN[name](week.features, week.interactions, week.day, EPOCHS[name], 7, checkpoint)
        return encode(model)["weights.safetensors"], checkpoint.told()["checkpoint"]["saved"]

    first, _ = trained()
    assert trained() == (first, 0)
    monkeypatch.setattr(training, "_RELEASE", torch.tensor([1, 2], dtype=torch.uint8))
    assert trained() == (first, EPOCHS[name]["epochs"])


HERE = str(Path(__file__).parent)


def kill_when_saved(store: Store, step: str) -> None:
    """Kills the process of the step that runs, as soon as it has saved a state."""
    while not store.list(f"checkpoints/production/trainings/{step}"):
        time.sleep(0.01)
    for warm in psutil.Process().children():
        if any("counterpoint.runtime.forkserver" in word for word in warm.cmdline()):
            for process in warm.children():
                process.kill()


@pytest.mark.parametrize("name", TRAIN)
def test_the_second_attempt_of_a_step_trains_what_is_left(
    name: str, days: Path, week: Week, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")]))
    request = RunRequest(
        "trainings:trainings", "2026-01-07", "run", str(tmp_path), config={"folder": str(days), "seed": 7}
    )
    for key in week.interactions:
        execute(replace(request, partition=key), "validated_interactions")
    given = {"training_features": execute(request, "training_features")}
    step, store = f"{name}_model", context_of(request, f"{name}_model").store
    watcher = Thread(target=kill_when_saved, args=(store, step), daemon=True)
    watcher.start()
    with pytest.raises(StepKilledError, match="was killed by signal 9"):
        execute_in_child(Attempt(request, step, given, 1))
    watcher.join()
    made = execute_in_child(Attempt(request, step, given, 2))
    config = store.pipeline.config
    whole = TRAIN[name](week.features, week.interactions, week.day, config[name], config["seed"])
    assert made.digest == model_digest(whole)
    told = step_record(request, step)
    assert (told["attempts"], told["details"]["checkpoint"]["resumed"]) == (2, True)
    assert told["details"]["checkpoint"]["saved"] < config[name]["epochs"]
    assert not store.list("checkpoints")
