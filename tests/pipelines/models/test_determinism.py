"""The same input gives the same bytes: in another process, with more threads; another seed gives others."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.torch

from counterpoint.model import Partitions
from counterpoint.storage.models import decode, encode
from streamrec.retrieval import seed_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from counterpoint.storage import Model

    from .conftest import Week

CHILD = """
import hashlib, sys
from pathlib import Path
import polars as pl
from counterpoint.model import Partitions
from counterpoint.storage.models import encode
from streamrec.features import daily_partials, training_features
from streamrec.ranking import ranking_model
from streamrec.retrieval import retrieval_model

days = {file.stem: pl.read_parquet(file) for file in sorted(Path(sys.argv[1]).glob("*.parquet"))}
today = Partitions().partition(list(days)[-1])
features = training_features({key: daily_partials(rows) for key, rows in days.items()}, today)
del days[today.key]
for train in (retrieval_model, ranking_model):
    files = encode(train(features, days, today, {}, 7))
    print(*(hashlib.sha256(files[name]).hexdigest() for name in ("weights.safetensors", "model.json")))
"""


def trained_elsewhere(folder: Path, threads: int) -> list[str]:
    """The digests of the files of both models, from a fresh process."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads)), "PYTHONHASHSEED": str(threads)}
    command = [sys.executable, "-c", CHILD, str(folder)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_two_processes_with_one_and_two_threads_give_the_same_bytes(week: Week, tmp_path: Path) -> None:
    for key, rows in week.days().items():
        rows.write_parquet(tmp_path / f"{key}.parquet")
    first, second = (trained_elsewhere(tmp_path, threads) for threads in (1, 2))
    assert len(first) == 2
    assert first == second


@pytest.mark.parametrize("name", ["retrieval", "ranking"])
def test_the_seed_decides(name: str, week: Week, request: pytest.FixtureRequest) -> None:
    train: Callable[..., Model] = request.getfixturevalue(f"train_{name}")
    first, again, other = (encode(train(week, seed, epochs=1))["weights.safetensors"] for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_each_day_has_a_seed_of_its_own_and_always_the_same() -> None:
    days = [Partitions().partition(f"2026-01-0{n}") for n in range(1, 8)]
    seeds = [seed_of(7, day) for day in days]
    assert len(set(seeds)) == len(days)
    assert seeds[:2] == [1971106414, 2128098389]
    assert seed_of(8, days[0]) not in seeds


@pytest.mark.parametrize("name", ["retrieval", "ranking"])
def test_a_model_survives_its_storage(name: str, request: pytest.FixtureRequest) -> None:
    model: Model = request.getfixturevalue(name)
    files = encode(model)
    again = decode(files["weights.safetensors"], files["model.json"])
    assert again.parameters == model.parameters
    assert encode(again) == files
